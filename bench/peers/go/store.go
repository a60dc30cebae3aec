package main

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const uniqueViolation = "23505"

type store struct {
	pool *pgxpool.Pool
}

type identity struct {
	appID, openid, unionid string
}

type user struct {
	id          string
	created     time.Time
	phoneLinked bool
}

type signIn struct {
	who        identity
	sessionKey []byte
	tokenHash  []byte
	expires    time.Time
}

type session struct {
	who              identity
	user             user
	created, expires time.Time
}

func newStore(ctx context.Context, url string, connections int) (*store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return &store{pool}, pool.Ping(ctx)
}

// recordFive stores a login in one transaction, a statement for each question:
// five for somebody who is known.
func (s *store) recordFive(ctx context.Context, in *signIn) (who user, isNew bool, err error) {
	err = retryOnce(func() error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			who, isNew, err = findOrMakeUser(ctx, tx, in.who)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `INSERT INTO session_keys (app_id, openid, session_key)
				VALUES ($1, $2, $3)
				ON CONFLICT (app_id, openid) DO UPDATE SET
				  session_key = excluded.session_key, exchanged_at = now()`,
				in.who.appID, in.who.openid, in.sessionKey)
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `INSERT INTO sessions (token_hash, app_id, openid, expires_at)
				VALUES ($1, $2, $3, $4)`,
				in.tokenHash, in.who.appID, in.who.openid, in.expires)
			if err != nil {
				return err
			}
			return tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM identities
				JOIN phones USING (app_id, openid) WHERE user_id = $1)`,
				who.id).Scan(&who.phoneLinked)
		})
	})
	return who, isNew, err
}

func findOrMakeUser(ctx context.Context, tx pgx.Tx, who identity) (u user, isNew bool, err error) {
	err = tx.QueryRow(ctx, `SELECT user_id::text FROM identities
		WHERE app_id = $1 AND openid = $2`, who.appID, who.openid).Scan(&u.id)
	if err == nil {
		err = tx.QueryRow(ctx, `SELECT created_at FROM users WHERE user_id = $1`,
			u.id).Scan(&u.created)
		return u, false, err
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return u, false, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO users (user_id) VALUES ($1)
		RETURNING user_id::text, created_at`, newUUID()).Scan(&u.id, &u.created)
	if err != nil {
		return u, false, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO identities (app_id, openid, user_id, unionid)
		VALUES ($1, $2, $3, nullif($4, ''))`, who.appID, who.openid, u.id, who.unionid)
	return u, true, err
}

// recordOne stores the same in one statement.
func (s *store) recordOne(ctx context.Context, in *signIn) (who user, isNew bool, err error) {
	err = retryOnce(func() error {
		return s.pool.QueryRow(ctx, `
			WITH known AS (
			  SELECT user_id, u.created_at
			  FROM identities JOIN users u USING (user_id)
			  WHERE app_id = $1 AND openid = $2
			), made AS (
			  INSERT INTO users (user_id)
			  SELECT $4::uuid WHERE NOT EXISTS (SELECT FROM known)
			  RETURNING user_id, created_at
			), identified AS (
			  INSERT INTO identities (app_id, openid, user_id, unionid)
			  SELECT $1, $2, user_id, nullif($3, '') FROM made
			), kept AS (
			  INSERT INTO session_keys (app_id, openid, session_key)
			  VALUES ($1, $2, $5)
			  ON CONFLICT (app_id, openid) DO UPDATE SET
			    session_key = excluded.session_key, exchanged_at = now()
			), opened AS (
			  INSERT INTO sessions (token_hash, app_id, openid, expires_at)
			  VALUES ($6, $1, $2, $7)
			)
			SELECT user_id::text, created_at, is_new, EXISTS (
			  SELECT FROM identities i JOIN phones USING (app_id, openid)
			  WHERE i.user_id = person.user_id)
			FROM (SELECT *, false AS is_new FROM known
			      UNION ALL SELECT *, true FROM made) person`,
			in.who.appID, in.who.openid, in.who.unionid, newUUID(), in.sessionKey,
			in.tokenHash, in.expires).Scan(&who.id, &who.created, &isNew, &who.phoneLinked)
	})
	return who, isNew, err
}

func (s *store) findSession(ctx context.Context, tokenHash []byte) (*session, error) {
	var found session
	err := s.pool.QueryRow(ctx, `
		SELECT app_id, openid, coalesce(unionid, ''), user_id::text, u.created_at,
		  EXISTS (SELECT FROM identities o JOIN phones USING (app_id, openid)
		          WHERE o.user_id = i.user_id),
		  s.created_at, s.expires_at
		FROM sessions s JOIN identities i USING (app_id, openid)
		  JOIN users u USING (user_id)
		WHERE s.token_hash = $1 AND s.expires_at > now()`, tokenHash).
		Scan(&found.who.appID, &found.who.openid, &found.who.unionid, &found.user.id,
			&found.user.created, &found.user.phoneLinked, &found.created, &found.expires)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &found, err
}

// findSessionKey returns "" when the session is not active.
func (s *store) findSessionKey(ctx context.Context, tokenHash []byte) (appID, openid string, sealed []byte, err error) {
	err = s.pool.QueryRow(ctx, `SELECT app_id, openid, session_key
		FROM sessions JOIN session_keys USING (app_id, openid)
		WHERE token_hash = $1 AND expires_at > now()`, tokenHash).
		Scan(&appID, &openid, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return appID, openid, sealed, err
}

func (s *store) savePhone(ctx context.Context, appID, openid string, sealed []byte, watermark time.Time) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO phones (app_id, openid, phone, watermark_at)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (app_id, openid) DO UPDATE SET
		  phone = excluded.phone, watermark_at = excluded.watermark_at`,
		appID, openid, sealed, watermark)
	return err
}

// findUser returns no identities when there is nobody.
func (s *store) findUser(ctx context.Context, userID string) (who user, identities []identity, err error) {
	rows, err := s.pool.Query(ctx, `
		SELECT u.user_id::text, u.created_at,
		  EXISTS (SELECT FROM identities o JOIN phones USING (app_id, openid)
		          WHERE o.user_id = u.user_id),
		  app_id, openid, coalesce(unionid, '')
		FROM users u JOIN identities i USING (user_id)
		WHERE u.user_id = $1
		ORDER BY i.created_at`, userID)
	if err != nil {
		return who, nil, err
	}
	var one identity
	_, err = pgx.ForEachRow(rows, []any{&who.id, &who.created, &who.phoneLinked,
		&one.appID, &one.openid, &one.unionid}, func() error {
		identities = append(identities, one)
		return nil
	})
	return who, identities, err
}

// retryOnce runs it again when somebody else has just made the same person.
func retryOnce(record func() error) error {
	err := record()
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation {
		err = record()
	}
	return err
}

func newUUID() string {
	return uuid.Must(uuid.NewV7()).String()
}

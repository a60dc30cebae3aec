#include "server/store/postgres/session/refresh_session.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "server/base/status_macros.h"
#include "server/identity/session_token.h"
#include "server/store/postgres/sql/pg_array.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

using Refreshed = std::optional<RefreshedSession>;
using Items = PgItems<SessionRefresh, Refreshed>;

AssociatedData AssociatedDataOf(const char* column,
                                const SessionRefresh& refresh) {
  return {"sessions", column, {refresh.token_hash}};
}

// Whoever changes a family first locks the row of its login, so all that
// follows in this statement is as if refreshes and revocations of one login
// came one after the other: a row that was locked shows its newest version,
// not that of our snapshot. What a racing refresh made is not in the snapshot,
// but the row of the token it replaced tells all that is asked of it.
//
// fresh: tokens that are refreshed now. A replaced token's answer is what was
// made then, as long as it works; after that it has leaked.
//
// next_token is for servers before next_salt: those gave what it holds again.
// One zero byte opens nowhere, so such a server refuses to repeat what it
// cannot know, where NULL would have it give a token that it did not store.
const SqlStatement& RefreshSql() {
  static const auto& sql = *new SqlStatement(R"sql(
WITH input AS (
  SELECT token_hash, new_hash, new_salt, n,
    overlap_us * interval '1 microsecond' AS overlap,
    max_age_us * interval '1 microsecond' AS max_age
  FROM unnest(:hashes::bytea[], :new_hashes::bytea[], :new_salts::bytea[],
              :overlaps::bigint[], :max_ages::bigint[])
    WITH ORDINALITY AS t (token_hash, new_hash, new_salt, overlap_us,
                          max_age_us, n)
), named AS (
  SELECT coalesce(s.family, s.token_hash) AS login
  FROM input
  JOIN sessions s ON s.token_hash = input.token_hash
), logins AS (
  SELECT token_hash, revoked_at FROM sessions
  WHERE token_hash = ANY (ARRAY(SELECT login FROM named))
  ORDER BY token_hash
  FOR NO KEY UPDATE
), tokens AS (
  SELECT input.*, s.app_id, s.openid, s.created_at, s.expires_at,
    s.replaced_at, s.next_salt, s.next_token, s.next_expires_at,
    coalesce(s.ttl, s.expires_at - s.created_at) AS ttl,
    login.token_hash AS login
  FROM input
  JOIN sessions s ON s.token_hash = input.token_hash
  JOIN logins login ON login.token_hash = coalesce(s.family, s.token_hash)
  WHERE login.revoked_at IS NULL
  FOR NO KEY UPDATE OF s
), fresh AS (
  SELECT *, created_at + max_age AS last,
    least(now() + ttl, created_at + max_age) AS ends_at
  FROM tokens
  WHERE replaced_at IS NULL AND expires_at > now()
    AND created_at + max_age > now()
), leaked AS (
  SELECT DISTINCT login FROM tokens
  WHERE replaced_at IS NOT NULL AND expires_at <= now()
), changed AS (
  UPDATE sessions s SET
    revoked_at =
      CASE WHEN leaked.login IS NULL THEN s.revoked_at ELSE now() END,
    family_ends_at = coalesce(newest.ends_at, s.family_ends_at),
    replaced_at =
      CASE WHEN fresh.n IS NULL THEN s.replaced_at ELSE now() END,
    next_salt = coalesce(fresh.new_salt, s.next_salt),
    next_token =
      CASE WHEN fresh.n IS NULL THEN s.next_token ELSE '\x00' END,
    next_expires_at = coalesce(fresh.ends_at, s.next_expires_at),
    expires_at =
      coalesce(least(now() + fresh.overlap, fresh.last), s.expires_at)
  FROM (SELECT token_hash FROM fresh
        UNION SELECT login FROM fresh
        UNION SELECT login FROM leaked) touched
  LEFT JOIN fresh ON fresh.token_hash = touched.token_hash
  LEFT JOIN fresh newest ON newest.login = touched.token_hash
  LEFT JOIN leaked ON leaked.login = touched.token_hash
  WHERE s.token_hash = touched.token_hash
), made AS (
  INSERT INTO sessions
    (token_hash, app_id, openid, created_at, expires_at, ttl, family)
  SELECT new_hash, app_id, openid, created_at, ends_at, ttl, login
  FROM fresh
  ORDER BY new_hash
)
SELECT t.n, fresh.n IS NOT NULL AS is_fresh,
  encode(t.next_salt, 'hex') AS next_salt,
  encode(t.next_token, 'hex') AS next_token,
  (extract(epoch FROM coalesce(fresh.ends_at, t.next_expires_at))
    * 1000000)::bigint AS expires_us
FROM tokens t
LEFT JOIN fresh ON fresh.n = t.n
WHERE fresh.n IS NOT NULL
  OR (t.expires_at > now()
      AND (t.next_salt IS NOT NULL OR t.next_token <> '\x00')))sql");
  return sql;
}

absl::StatusOr<Refreshed> Answer(const SessionRefresh& refresh,
                                 const SqlRow& row, Aead& aead) {
  const absl::Time expires_at = TimeOf(row["expires_us"]);
  if (IsTrue(row["is_fresh"]))
    return RefreshedSession{RefreshedToken(refresh.salt, refresh.token),
                            expires_at};
  if (row["next_salt"].has_value()) {
    WX_ASSIGN_OR_RETURN(const Secret salt,
                        OpenSealed(aead, row["next_salt"],
                                   AssociatedDataOf("next_salt", refresh)));
    return RefreshedSession{RefreshedToken(salt, refresh.token), expires_at};
  }
  WX_ASSIGN_OR_RETURN(Secret token,
                      OpenSealed(aead, row["next_token"],
                                 AssociatedDataOf("next_token", refresh)));
  return RefreshedSession{std::move(token), expires_at};
}

}  // namespace

absl::Status RefreshSessions(SqlSession& session, const Items& items,
                             Aead& aead) {
  // A statement refreshes a token once: for the first who asks.
  Items firsts;
  std::unordered_map<std::string, size_t> places;
  PgArray hashes, new_hashes, new_salts, overlaps, max_ages;
  for (auto* item : items) {
    const SessionRefresh& in = item->in;
    if (!places.emplace(in.token_hash, firsts.size()).second) continue;
    firsts.push_back(item);
    hashes.AddBytes(in.token_hash);
    new_hashes.AddBytes(
        *SessionTokenHash(RefreshedToken(in.salt, in.token).Expose()));
    new_salts.AddBytes(aead.Seal(in.salt, AssociatedDataOf("next_salt", in)));
    overlaps.AddNumber(ToMicros(in.overlap));
    max_ages.AddNumber(ToMicros(in.max_age));
  }
  WX_ASSIGN_OR_RETURN(const SqlRows rows,
                      session.Execute(RefreshSql(), {{"hashes", hashes},
                                                     {"new_hashes", new_hashes},
                                                     {"new_salts", new_salts},
                                                     {"overlaps", overlaps},
                                                     {"max_ages", max_ages}}));
  for (auto* item : firsts) item->out = Refreshed();
  for (const SqlRow& row : rows) {
    auto* item = ItemNumbered(firsts, NumberOf(row["n"]));
    if (item == nullptr) return NoSuchItem();
    item->out = Answer(item->in, row, aead);
  }
  for (auto* item : items) {
    const auto* first = firsts[places.at(item->in.token_hash)];
    if (item != first) item->out = first->out;
  }
  return absl::OkStatus();
}

}  // namespace wxident

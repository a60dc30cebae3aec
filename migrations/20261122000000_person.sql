-- migrate:up

-- Expands only: a server of the version before goes on working with this
-- schema. What such a server leaves out has a meaning as NULL or as a default,
-- so nothing is filled in afterwards and no table is rewritten.

ALTER TABLE sessions
  ADD COLUMN ttl interval,
  ADD COLUMN family bytea,
  ADD COLUMN family_ends_at timestamptz,
  ADD COLUMN replaced_at timestamptz,
  ADD COLUMN next_token bytea,
  ADD COLUMN next_expires_at timestamptz,
  ADD CONSTRAINT sessions_next_whole
    CHECK ((replaced_at IS NULL) = (next_token IS NULL)
           AND (replaced_at IS NULL) = (next_expires_at IS NULL)),
  ADD CONSTRAINT sessions_family_end_of_first
    CHECK (family IS NULL OR family_ends_at IS NULL);
CREATE INDEX sessions_family_idx ON sessions (family)
  WHERE family IS NOT NULL;
CREATE INDEX sessions_end_idx
  ON sessions ((coalesce(family_ends_at, expires_at)))
  WHERE family IS NULL;
COMMENT ON TABLE sessions IS
  'Login states, a row per token. A session belongs to an identity and, '
  'through it, to a user, so that a merge of users moves it without touching '
  'it. The key is random and has no app_id because a token alone must find its '
  'session. Tokens that came of one login are a family; its first row stands '
  'for all: whoever adds to or ends a family locks that row first, and a '
  'family is revoked by revoked_at there.';
COMMENT ON COLUMN sessions.created_at IS
  'When the login was recorded; a refreshed token has that of its family.';
COMMENT ON COLUMN sessions.expires_at IS
  'From here on the token is not active. A replaced one ends with its overlap.';
COMMENT ON COLUMN sessions.revoked_at IS
  'When the family was ended; NULL while it was not, and in all but its first '
  'row.';
COMMENT ON COLUMN sessions.ttl IS
  'How long a token of this login lives. NULL: from created_at to expires_at.';
COMMENT ON COLUMN sessions.family IS
  'token_hash of the login''s first token. NULL in that token''s own row.';
COMMENT ON COLUMN sessions.family_ends_at IS
  'In a family''s first row: the end of its last token. NULL while the family '
  'has one token: expires_at.';
COMMENT ON COLUMN sessions.replaced_at IS
  'When the token was refreshed; NULL while it was not.';
COMMENT ON COLUMN sessions.next_token IS
  'What it was refreshed to. Sealed, bound to sessions, next_token, token_hash.';
COMMENT ON COLUMN sessions.next_expires_at IS
  'The end that next_token was given.';

ALTER TABLE session_keys
  ADD COLUMN older_dropped boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN session_keys.older_dropped IS
  'Whether a key before previous_session_key was there.';

CREATE TABLE login_answers (
  app_id text NOT NULL,
  code_hash bytea NOT NULL,
  token_hash bytea NOT NULL,
  session_token bytea NOT NULL,
  new_user boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT login_answers_pk PRIMARY KEY (app_id, code_hash),
  CONSTRAINT login_answers_code_hash_size CHECK (octet_length(code_hash) = 32),
  CONSTRAINT login_answers_session_fk
    FOREIGN KEY (token_hash) REFERENCES sessions (token_hash)
    ON DELETE CASCADE
);
CREATE INDEX login_answers_session_idx ON login_answers (token_hash);
CREATE INDEX login_answers_created_idx ON login_answers (created_at);
COMMENT ON TABLE login_answers IS
  'What a login was answered, for replicas that are asked with the same code. '
  'Good for 5 minutes, the life of a code.';
COMMENT ON COLUMN login_answers.app_id IS 'The app.';
COMMENT ON COLUMN login_answers.code_hash IS
  'SHA-256 of the app and the code; the code itself is not stored.';
COMMENT ON COLUMN login_answers.token_hash IS 'The session that was opened.';
COMMENT ON COLUMN login_answers.session_token IS
  'Its token. Sealed, bound to login_answers, session_token, app_id, '
  'code_hash.';
COMMENT ON COLUMN login_answers.new_user IS 'Whether the login made the user.';
COMMENT ON COLUMN login_answers.created_at IS 'When the login was recorded.';

CREATE TABLE oauth_grants (
  app_id text NOT NULL,
  openid text NOT NULL,
  access_token bytea NOT NULL,
  access_expires_at timestamptz NOT NULL,
  refresh_token bytea NOT NULL,
  refresh_expires_at timestamptz NOT NULL,
  scope text NOT NULL,
  exchanged_at timestamptz NOT NULL,
  CONSTRAINT oauth_grants_pk PRIMARY KEY (app_id, openid),
  CONSTRAINT oauth_grants_identity_fk
    FOREIGN KEY (app_id, openid) REFERENCES identities (app_id, openid)
);
COMMENT ON TABLE oauth_grants IS
  'What a person authorised on WeChat''s web pages, per identity.';
COMMENT ON COLUMN oauth_grants.app_id IS 'The app.';
COMMENT ON COLUMN oauth_grants.openid IS 'Whose grant.';
COMMENT ON COLUMN oauth_grants.access_token IS
  'Sealed, bound to oauth_grants, access_token, app_id, openid.';
COMMENT ON COLUMN oauth_grants.access_expires_at IS
  'When WeChat stops taking access_token, by the server''s clock.';
COMMENT ON COLUMN oauth_grants.refresh_token IS
  'Sealed, bound to oauth_grants, refresh_token, app_id, openid.';
COMMENT ON COLUMN oauth_grants.refresh_expires_at IS
  'When WeChat stops taking refresh_token, by the server''s clock.';
COMMENT ON COLUMN oauth_grants.scope IS
  'Comma-separated, as WeChat names them.';
COMMENT ON COLUMN oauth_grants.exchanged_at IS
  'When the login was that brought the grant, by the server''s clock; 1970 '
  'when none did.';

ALTER TABLE profiles
  ADD COLUMN privileges text[] NOT NULL DEFAULT '{}',
  ADD COLUMN subscribe boolean NOT NULL DEFAULT false,
  ADD COLUMN subscribed_at timestamptz,
  ADD COLUMN subscribe_scene text NOT NULL DEFAULT '',
  ADD COLUMN qr_scene bigint NOT NULL DEFAULT 0,
  ADD COLUMN qr_scene_str text NOT NULL DEFAULT '',
  ADD COLUMN remark text NOT NULL DEFAULT '',
  ADD COLUMN group_id bigint NOT NULL DEFAULT 0,
  ADD COLUMN tag_ids bigint[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN profiles.source IS
  'How it came; the server''s ProfileSource: 1 an encrypted profile, 2 a web '
  'grant, 3 the list of followers. Only 3 fills the columns from subscribe on.';
COMMENT ON COLUMN profiles.privileges IS 'WeChat''s marks.';
COMMENT ON COLUMN profiles.subscribe IS
  'Whether the person followed the official account then.';
COMMENT ON COLUMN profiles.subscribed_at IS
  'Since when; NULL when WeChat did not tell.';
COMMENT ON COLUMN profiles.subscribe_scene IS 'How, as WeChat names it.';
COMMENT ON COLUMN profiles.qr_scene IS 'The number in the QR code.';
COMMENT ON COLUMN profiles.qr_scene_str IS 'The text in the QR code.';
COMMENT ON COLUMN profiles.remark IS 'The account''s own note on the person.';
COMMENT ON COLUMN profiles.group_id IS 'The account''s group.';
COMMENT ON COLUMN profiles.tag_ids IS 'The account''s tags.';

ALTER TABLE user_events
  DROP CONSTRAINT user_events_kind_known,
  ADD CONSTRAINT user_events_kind_known CHECK (kind IN ('merged', 'erased'));
COMMENT ON COLUMN user_events.kind IS
  'merged: other_user_id turned out to be the same person. erased: everything '
  'else that was stored of user_id was deleted.';

-- migrate:down

-- The schema goes forward only; this line refuses with its own text.
SELECT 'not undone: restore a backup, or write a new migration'::integer;

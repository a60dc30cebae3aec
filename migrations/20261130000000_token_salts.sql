-- migrate:up

-- Expands only: a server of the version before goes on working with this
-- schema, and new servers read what it writes.

-- Rather fails, to be run again, than lets every caller wait behind it.
SET LOCAL lock_timeout = '1s';

CREATE TABLE schema_compatibility (
  version text NOT NULL,
  oldest_server text NOT NULL,
  CONSTRAINT schema_compatibility_pk PRIMARY KEY (version)
);
COMMENT ON TABLE schema_compatibility IS
  'Which servers may run on which migrations: a row for each migration since '
  'this table is there. A server that does not know a migration asks here '
  'whether it may run all the same; without a row it may not.';
COMMENT ON COLUMN schema_compatibility.version IS
  'The migration, as in schema_migrations.';
COMMENT ON COLUMN schema_compatibility.oldest_server IS
  'The newest migration that the oldest server which may run knows.';
INSERT INTO schema_compatibility (version, oldest_server) VALUES
  -- A server before it keeps what it kept, in the columns that it knows.
  ('20261130000000', '20261124000000'),
  -- An index is no server's concern. Its file holds one statement alone, which
  -- no transaction may hold.
  ('20261130000100', '20261124000000');

ALTER TABLE sessions
  ADD COLUMN next_salt bytea;
COMMENT ON COLUMN sessions.next_salt IS
  'What, together with this row''s token, gives the token that it was refreshed '
  'to; NULL when the overlap is over. Sealed, bound to sessions, next_salt, '
  'token_hash.';
COMMENT ON COLUMN sessions.next_token IS
  'Of servers before next_salt: the token that it was refreshed to, under the '
  'key ring. One zero byte since then, and when the overlap is over: it opens '
  'nowhere, so that such a server refuses to repeat what it does not know.';
COMMENT ON COLUMN sessions.next_expires_at IS
  'The end that the token was given that it was refreshed to.';

-- It holds 5 minutes' logins, so that checking its rows takes no time.
ALTER TABLE login_answers
  ADD COLUMN token_salt bytea,
  -- squawk-ignore ban-drop-not-null
  ALTER COLUMN session_token DROP NOT NULL,
  -- squawk-ignore constraint-missing-not-valid
  ADD CONSTRAINT login_answers_one_kind
    CHECK (num_nonnulls(session_token, token_salt) = 1);
COMMENT ON TABLE login_answers IS
  'What a login was answered, for whoever repeats it, at any replica. Good for '
  '5 minutes, the life of a code, and no longer than the session.';
COMMENT ON COLUMN login_answers.code_hash IS
  'SHA-256 of the app, the code and the caller; the code itself is not stored.';
COMMENT ON COLUMN login_answers.token_salt IS
  'What, together with the code, gives the session''s token. Sealed, bound to '
  'login_answers, token_salt, app_id, code_hash.';
COMMENT ON COLUMN login_answers.session_token IS
  'Of servers before token_salt: the token itself, under the key ring.';

-- migrate:down

-- The schema goes forward only; this line refuses with its own text.
SELECT 'not undone: restore a backup, or write a new migration'::integer;

-- What the Go and the Java peer keep: wxident's idea of people, sessions and
-- keys, without merges, refreshes, rotation and events. Keys are stored sealed,
-- tokens as SHA-256.

CREATE TABLE users (
  user_id uuid PRIMARY KEY,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE identities (
  app_id text NOT NULL,
  openid text NOT NULL,
  user_id uuid NOT NULL REFERENCES users,
  unionid text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, openid)
);
CREATE INDEX ON identities (user_id);

CREATE TABLE session_keys (
  app_id text NOT NULL,
  openid text NOT NULL,
  session_key bytea NOT NULL,
  exchanged_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (app_id, openid),
  FOREIGN KEY (app_id, openid) REFERENCES identities
);

CREATE TABLE sessions (
  token_hash bytea PRIMARY KEY,
  app_id text NOT NULL,
  openid text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  FOREIGN KEY (app_id, openid) REFERENCES identities
);
CREATE INDEX ON sessions (app_id, openid);

CREATE TABLE phones (
  app_id text NOT NULL,
  openid text NOT NULL,
  phone bytea NOT NULL,
  watermark_at timestamptz NOT NULL,
  PRIMARY KEY (app_id, openid),
  FOREIGN KEY (app_id, openid) REFERENCES identities
);

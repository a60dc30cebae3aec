-- migrate:up

-- Times are the database's own (now()) unless a column says otherwise. Nothing
-- here has a sequence: keys are WeChat's, random, or time-ordered UUIDs made by
-- the server, so that rows spread over nodes. Foreign keys say what belongs to
-- what; no row can be left without its owner.

CREATE TABLE users (
  user_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT users_pk PRIMARY KEY (user_id)
);
COMMENT ON TABLE users IS
  'One row per living person. A user that was merged into another has no row '
  'here but one in user_forwards, so a foreign key to users can never end at a '
  'merged user.';
COMMENT ON COLUMN users.user_id IS 'UUIDv7, made by the server.';
COMMENT ON COLUMN users.created_at IS
  'When the person first appeared in any app. Decides who survives a merge.';

CREATE TABLE user_forwards (
  user_id uuid NOT NULL,
  merged_into uuid NOT NULL,
  merged_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT user_forwards_pk PRIMARY KEY (user_id),
  CONSTRAINT user_forwards_merged_into_fk
    FOREIGN KEY (merged_into) REFERENCES users (user_id)
);
CREATE INDEX user_forwards_merged_into_idx ON user_forwards (merged_into);
COMMENT ON TABLE user_forwards IS
  'Where a merged user''s id leads. Always one hop: the foreign key lets it end '
  'at a living user only, so a merge must re-point those that led to the loser.';
COMMENT ON COLUMN user_forwards.user_id IS 'The id that no longer lives.';
COMMENT ON COLUMN user_forwards.merged_into IS 'The survivor.';
COMMENT ON COLUMN user_forwards.merged_at IS 'When the merge was made.';

CREATE TABLE union_ids (
  open_platform_account text NOT NULL,
  unionid text NOT NULL,
  user_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT union_ids_pk PRIMARY KEY (open_platform_account, unionid),
  CONSTRAINT union_ids_user_fk
    FOREIGN KEY (user_id) REFERENCES users (user_id)
);
CREATE INDEX union_ids_user_idx ON union_ids (user_id);
COMMENT ON TABLE union_ids IS
  'Whom a unionid names. Its primary key is what makes two racing first logins '
  'of one person meet.';
COMMENT ON COLUMN union_ids.open_platform_account IS
  'The account''s name in the server''s configuration, or the app_id of an app '
  'that is bound to none.';
COMMENT ON COLUMN union_ids.unionid IS 'As WeChat gives it.';
COMMENT ON COLUMN union_ids.user_id IS 'The person.';
COMMENT ON COLUMN union_ids.created_at IS 'When the unionid was first seen.';

CREATE TABLE identities (
  app_id text NOT NULL,
  openid text NOT NULL,
  user_id uuid NOT NULL,
  open_platform_account text NOT NULL,
  unionid text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT identities_pk PRIMARY KEY (app_id, openid),
  CONSTRAINT identities_user_fk
    FOREIGN KEY (user_id) REFERENCES users (user_id),
  CONSTRAINT identities_union_fk
    FOREIGN KEY (open_platform_account, unionid)
    REFERENCES union_ids (open_platform_account, unionid)
);
CREATE INDEX identities_user_idx ON identities (user_id);
COMMENT ON TABLE identities IS
  'How one app sees a person: one row per (app_id, openid), ever.';
COMMENT ON COLUMN identities.app_id IS 'The WeChat app.';
COMMENT ON COLUMN identities.openid IS 'The person''s id in that app.';
COMMENT ON COLUMN identities.user_id IS 'The person.';
COMMENT ON COLUMN identities.open_platform_account IS
  'The account that unionid belongs to.';
COMMENT ON COLUMN identities.unionid IS
  'NULL while WeChat has not told it. Never goes back to NULL.';
COMMENT ON COLUMN identities.created_at IS 'When the identity was first seen.';

CREATE TABLE sessions (
  token_hash bytea NOT NULL,
  app_id text NOT NULL,
  openid text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  CONSTRAINT sessions_pk PRIMARY KEY (token_hash),
  CONSTRAINT sessions_token_hash_size CHECK (octet_length(token_hash) = 32),
  CONSTRAINT sessions_identity_fk
    FOREIGN KEY (app_id, openid) REFERENCES identities (app_id, openid)
);
CREATE INDEX sessions_identity_idx ON sessions (app_id, openid);
COMMENT ON TABLE sessions IS
  'Login states. A session belongs to an identity and, through it, to a user, '
  'so that a merge of users moves it without touching it. The key is random '
  'and has no app_id because a token alone must find its session.';
COMMENT ON COLUMN sessions.token_hash IS
  'SHA-256 of the session token; the token itself is not stored.';
COMMENT ON COLUMN sessions.app_id IS 'The app that was logged in to.';
COMMENT ON COLUMN sessions.openid IS 'Who logged in.';
COMMENT ON COLUMN sessions.created_at IS 'When the login was recorded.';
COMMENT ON COLUMN sessions.expires_at IS 'From here on it is not active.';
COMMENT ON COLUMN sessions.revoked_at IS
  'When it was ended; NULL while it was not.';

CREATE TABLE session_keys (
  app_id text NOT NULL,
  openid text NOT NULL,
  session_key bytea NOT NULL,
  key_digest bytea NOT NULL,
  exchanged_at timestamptz NOT NULL,
  previous_session_key bytea,
  replaced_at timestamptz,
  CONSTRAINT session_keys_pk PRIMARY KEY (app_id, openid),
  CONSTRAINT session_keys_identity_fk
    FOREIGN KEY (app_id, openid) REFERENCES identities (app_id, openid),
  CONSTRAINT session_keys_previous_whole
    CHECK ((previous_session_key IS NULL) = (replaced_at IS NULL))
);
COMMENT ON TABLE session_keys IS
  'WeChat''s session_key of each identity, and the one before it.';
COMMENT ON COLUMN session_keys.app_id IS 'The app.';
COMMENT ON COLUMN session_keys.openid IS 'Whose key.';
COMMENT ON COLUMN session_keys.session_key IS
  'Sealed (AES-256-GCM), bound to session_keys, session_key, app_id, openid.';
COMMENT ON COLUMN session_keys.key_digest IS
  'Keyed digest of the current key: tells whether a login brought a new one.';
COMMENT ON COLUMN session_keys.exchanged_at IS
  'When WeChat last gave the current key, by the server''s clock.';
COMMENT ON COLUMN session_keys.previous_session_key IS
  'The key before, sealed as it stood in session_key.';
COMMENT ON COLUMN session_keys.replaced_at IS
  'When it was replaced. It is used for 10 minutes after that.';

CREATE TABLE profiles (
  app_id text NOT NULL,
  openid text NOT NULL,
  nickname text NOT NULL,
  avatar_url text NOT NULL,
  gender smallint NOT NULL,
  language text NOT NULL,
  country text NOT NULL,
  province text NOT NULL,
  city text NOT NULL,
  source smallint NOT NULL,
  fetched_at timestamptz NOT NULL,
  CONSTRAINT profiles_pk PRIMARY KEY (app_id, openid),
  CONSTRAINT profiles_gender_known CHECK (gender BETWEEN 0 AND 2),
  CONSTRAINT profiles_identity_fk
    FOREIGN KEY (app_id, openid) REFERENCES identities (app_id, openid)
);
COMMENT ON TABLE profiles IS
  'What WeChat last told about a person, per identity.';
COMMENT ON COLUMN profiles.app_id IS 'The app.';
COMMENT ON COLUMN profiles.openid IS 'Whose profile.';
COMMENT ON COLUMN profiles.nickname IS 'Chosen by the person; any text.';
COMMENT ON COLUMN profiles.avatar_url IS 'Dies when the avatar changes.';
COMMENT ON COLUMN profiles.gender IS '0 not told, 1 male, 2 female.';
COMMENT ON COLUMN profiles.language IS 'As WeChat writes it: zh_CN.';
COMMENT ON COLUMN profiles.country IS 'As WeChat writes it.';
COMMENT ON COLUMN profiles.province IS 'As WeChat writes it.';
COMMENT ON COLUMN profiles.city IS 'As WeChat writes it.';
COMMENT ON COLUMN profiles.source IS
  'How it came; the server''s ProfileSource: 1 an encrypted profile.';
COMMENT ON COLUMN profiles.fetched_at IS 'When WeChat made it.';

CREATE TABLE phones (
  app_id text NOT NULL,
  openid text NOT NULL,
  open_platform_account text NOT NULL,
  phone_number bytea NOT NULL,
  pure_phone_number bytea NOT NULL,
  country_code bytea NOT NULL,
  phone_index bytea NOT NULL,
  phone_index_key_id bigint NOT NULL,
  watermark_at timestamptz NOT NULL,
  CONSTRAINT phones_pk PRIMARY KEY (app_id, openid),
  CONSTRAINT phones_identity_fk
    FOREIGN KEY (app_id, openid) REFERENCES identities (app_id, openid)
);
CREATE INDEX phones_phone_index_idx ON phones (phone_index);
COMMENT ON TABLE phones IS 'Phone numbers that WeChat has verified.';
COMMENT ON COLUMN phones.app_id IS 'The app.';
COMMENT ON COLUMN phones.openid IS 'Whose number.';
COMMENT ON COLUMN phones.open_platform_account IS
  'The account that phone_index is made for.';
COMMENT ON COLUMN phones.phone_number IS
  'Sealed, bound to phones, phone_number, app_id, openid.';
COMMENT ON COLUMN phones.pure_phone_number IS
  'Without the country code. Sealed, bound as phone_number is.';
COMMENT ON COLUMN phones.country_code IS
  'Digits without +. Sealed, bound as phone_number is.';
COMMENT ON COLUMN phones.phone_index IS
  'Keyed HMAC-SHA-256 of the account and the number in E.164, for look-up.';
COMMENT ON COLUMN phones.phone_index_key_id IS
  'Which index key made phone_index.';
COMMENT ON COLUMN phones.watermark_at IS 'When WeChat encrypted the number.';

CREATE TABLE access_tokens (
  app_id text NOT NULL,
  mode text NOT NULL,
  access_token bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  generation bigint NOT NULL,
  CONSTRAINT access_tokens_pk PRIMARY KEY (app_id, mode),
  CONSTRAINT access_tokens_mode_known CHECK (mode IN ('stable', 'ordinary'))
);
COMMENT ON TABLE access_tokens IS
  'The access_token of each app, so that it outlives a process.';
COMMENT ON COLUMN access_tokens.app_id IS 'The app.';
COMMENT ON COLUMN access_tokens.mode IS
  'Which of WeChat''s endpoints gave it: stable or ordinary.';
COMMENT ON COLUMN access_tokens.access_token IS
  'Sealed, bound to access_tokens, access_token, app_id, mode.';
COMMENT ON COLUMN access_tokens.expires_at IS
  'When WeChat stops taking it, by the server''s clock.';
COMMENT ON COLUMN access_tokens.generation IS
  'Rises with each new token of the app.';

CREATE TABLE user_events (
  event_id uuid NOT NULL DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  kind text NOT NULL,
  other_user_id uuid,
  other_created_at timestamptz,
  app_id text,
  happened_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT user_events_pk PRIMARY KEY (event_id),
  CONSTRAINT user_events_kind_known CHECK (kind IN ('merged'))
);
CREATE INDEX user_events_user_idx ON user_events (user_id, happened_at);
CREATE INDEX user_events_happened_idx ON user_events (happened_at);
COMMENT ON TABLE user_events IS
  'What happened to users. Rows outlive the users they speak of, so there is '
  'no foreign key.';
COMMENT ON COLUMN user_events.event_id IS 'Random.';
COMMENT ON COLUMN user_events.user_id IS 'Whom it is about; who survived.';
COMMENT ON COLUMN user_events.kind IS
  'merged: other_user_id turned out to be the same person.';
COMMENT ON COLUMN user_events.other_user_id IS 'Who was merged into user_id.';
COMMENT ON COLUMN user_events.other_created_at IS
  'When other_user_id was created.';
COMMENT ON COLUMN user_events.app_id IS 'The app whose data showed it.';
COMMENT ON COLUMN user_events.happened_at IS 'When.';

-- migrate:down

-- The schema goes forward only; this line refuses with its own text.
SELECT 'not undone: restore a backup, or write a new migration'::integer;

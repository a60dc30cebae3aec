-- migrate:up

CREATE TABLE app_credentials (
  app_id text NOT NULL,
  kind text NOT NULL,
  value bytea,
  generation bigint NOT NULL DEFAULT 0,
  fetched_at timestamptz,
  expires_at timestamptz,
  refresh_at timestamptz,
  fence bigint NOT NULL,
  finished_fence bigint NOT NULL DEFAULT 0,
  lease_attempt bytea NOT NULL,
  leased_at timestamptz NOT NULL,
  lease_until timestamptz NOT NULL,
  failures integer NOT NULL DEFAULT 0,
  pause_until timestamptz,
  failure_reason text NOT NULL DEFAULT '',
  failure_errcode text NOT NULL DEFAULT '',
  day date NOT NULL,
  fetches integer NOT NULL,
  forced integer NOT NULL,
  forced_at timestamptz,
  forced_fence bigint NOT NULL DEFAULT 0,
  CONSTRAINT app_credentials_pk PRIMARY KEY (app_id, kind),
  CONSTRAINT app_credentials_kind_known
    CHECK (kind IN ('stable_token', 'ordinary_token', 'jsapi_ticket')),
  CONSTRAINT app_credentials_value_whole
    CHECK ((generation = 0) = (value IS NULL)
           AND (value IS NULL) = (fetched_at IS NULL)
           AND (value IS NULL) = (expires_at IS NULL)
           AND (value IS NULL) = (refresh_at IS NULL)),
  CONSTRAINT app_credentials_finished_given CHECK (finished_fence <= fence),
  CONSTRAINT app_credentials_lease_attempt_size
    CHECK (octet_length(lease_attempt) = 16)
);
COMMENT ON TABLE app_credentials IS
  'What WeChat gives to an app, and who may fetch it: a row from the first '
  'lease on. Whoever holds the lease of the highest fence writes; a write that '
  'shows a lower one does nothing.';
COMMENT ON COLUMN app_credentials.app_id IS 'The app.';
COMMENT ON COLUMN app_credentials.kind IS
  'stable_token: of cgi-bin/stable_token; ordinary_token: of cgi-bin/token; '
  'jsapi_ticket.';
COMMENT ON COLUMN app_credentials.value IS
  'Sealed, bound to app_credentials, value, app_id, kind. NULL: none yet.';
COMMENT ON COLUMN app_credentials.generation IS
  'Rises by one with each new value. 0: none yet.';
COMMENT ON COLUMN app_credentials.fetched_at IS
  'When the value of this generation was first saved.';
COMMENT ON COLUMN app_credentials.expires_at IS 'When WeChat stops taking it.';
COMMENT ON COLUMN app_credentials.refresh_at IS
  'From here on whoever asks may replace it.';
COMMENT ON COLUMN app_credentials.fence IS
  'Of the last lease; rises by one with each.';
COMMENT ON COLUMN app_credentials.finished_fence IS
  'Of the last lease that ended with a value or a failure. When it is not '
  'fence and lease_until has passed, the holder has vanished.';
COMMENT ON COLUMN app_credentials.lease_attempt IS
  'Random, of the request that got the last lease: a repetition of it finds '
  'the lease that it has.';
COMMENT ON COLUMN app_credentials.leased_at IS 'When that lease was given.';
COMMENT ON COLUMN app_credentials.lease_until IS
  'How long others keep away while it has not ended.';
COMMENT ON COLUMN app_credentials.failures IS
  'Fetches that failed since the last that did not.';
COMMENT ON COLUMN app_credentials.pause_until IS
  'Nobody fetches before; NULL: no failure since the last value.';
COMMENT ON COLUMN app_credentials.failure_reason IS
  'Of the last failure, as callers are told it; empty: there was none.';
COMMENT ON COLUMN app_credentials.failure_errcode IS
  'WeChat''s errcode of the last failure; empty when it gave none.';
COMMENT ON COLUMN app_credentials.day IS
  'WeChat''s day, of UTC+8, that the next two count for.';
COMMENT ON COLUMN app_credentials.fetches IS
  'Leases of that day, and forced fetches beyond the first of a lease.';
COMMENT ON COLUMN app_credentials.forced IS 'Forced ones among them.';
COMMENT ON COLUMN app_credentials.forced_at IS
  'When the last forced one was counted; NULL: never.';
COMMENT ON COLUMN app_credentials.forced_fence IS
  'The last lease under which a further forced fetch was counted: a '
  'repetition is not counted again.';

-- What it held is fetched again: WeChat gives a token to whoever asks. A server
-- of the version before, while it still runs, has its tokens in memory alone.
DROP TABLE access_tokens;

-- migrate:down

-- The schema goes forward only; this line refuses with its own text.
SELECT 'not undone: restore a backup, or write a new migration'::integer;

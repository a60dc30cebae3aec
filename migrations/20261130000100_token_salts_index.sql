-- migrate:up transaction:false

-- For the sweeper: rows that hold what leads to a token after its overlap.
CREATE INDEX CONCURRENTLY sessions_next_idx ON sessions (expires_at)
  WHERE next_salt IS NOT NULL OR next_token <> '\x00';

-- migrate:down

-- The schema goes forward only; this line refuses with its own text.
SELECT 'not undone: restore a backup, or write a new migration'::integer;

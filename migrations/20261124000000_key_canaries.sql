-- migrate:up

CREATE TABLE key_canaries (
  key_id bigint NOT NULL,
  canary bytea NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  unused_since timestamptz,
  CONSTRAINT key_canaries_pk PRIMARY KEY (key_id),
  CONSTRAINT key_canaries_key_id_known CHECK (key_id BETWEEN 1 AND 4294967295)
);
COMMENT ON TABLE key_canaries IS
  'One known text under each key that a server''s ring has ever had. A ring '
  'whose key of this id does not open it holds another key and is refused, '
  'before it can seal anything. Rows stay, so that no id is used twice.';
COMMENT ON COLUMN key_canaries.key_id IS 'The key''s id in the ring''s file.';
COMMENT ON COLUMN key_canaries.canary IS
  'The known text under that key, bound to key_canaries, canary, key_id. It is '
  'never put under another key.';
COMMENT ON COLUMN key_canaries.seen_at IS
  'When a server first had the key.';
COMMENT ON COLUMN key_canaries.unused_since IS
  'When a pass over all sealed values found none under the key; NULL: there '
  'may be some. A ring may lack such a key without a warning.';

-- migrate:down

-- The schema goes forward only; this line refuses with its own text.
SELECT 'not undone: restore a backup, or write a new migration'::integer;

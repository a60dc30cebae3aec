#!/bin/bash
# script/lib/migrations.sh takes the migrations that there are, and refuses each
# thing that would hold callers up or end the servers of the last release.
set -euo pipefail
lint=$PWD/script/lib/migrations.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
  printf '%s\n' "$*" >&2
  cat "$dir/said" >&2
  exit 1
}

"$lint" "$PWD/migrations" > "$dir/said" 2>&1 ||
  fail 'the migrations that there are are refused'

# refuses WHAT RULE SQL [HEAD]: whether the lint says RULE of a migration with
# this SQL, and of the same without anything bad says nothing.
refuses() {
  local what=$1 rule=$2 sql=$3 head=${4:-}
  rm -rf "$dir/migrations"
  mkdir "$dir/migrations"
  cat > "$dir/migrations/20990101000000_rows.sql" << 'END'
-- migrate:up
INSERT INTO schema_compatibility (version, oldest_server) VALUES
  ('20990101000000', '20261124000000'),
  ('20990101000100', '20261124000000');
-- migrate:down
END
  "$lint" "$dir/migrations" > "$dir/said" 2>&1 || fail "$what: refused without it"
  printf -- '-- migrate:up%s\n%s\n-- migrate:down\n' "$head" "$sql" \
    > "$dir/migrations/20990101000100_it.sql"
  if "$lint" "$dir/migrations" > "$dir/said" 2>&1; then
    fail "$what: not refused"
  fi
  grep -q "20990101000100_it.sql.*$rule" "$dir/said" ||
    fail "$what: refused, but not for $rule"
}

timeout="SET LOCAL lock_timeout = '1s';"
refuses 'an index that stops writes' require-concurrent-index-creation \
  "$timeout CREATE INDEX a_idx ON sessions (expires_at);"
refuses 'a constraint that reads the table' constraint-missing-not-valid \
  "$timeout ALTER TABLE sessions ADD CONSTRAINT a_whole CHECK (ttl IS NULL);"
refuses 'a column that old servers want' ban-drop-column \
  "$timeout ALTER TABLE sessions DROP COLUMN ttl;"
refuses 'a table that old servers want' ban-drop-table \
  "$timeout DROP TABLE sessions;"
refuses 'a lock that is waited for without end' require-lock-timeout \
  'ALTER TABLE sessions ADD COLUMN a bytea;'
refuses 'an index CONCURRENTLY in a transaction' \
  ban-concurrent-index-creation-in-transaction \
  "$timeout CREATE INDEX CONCURRENTLY a_idx ON sessions (expires_at);"
refuses 'two statements without a transaction' 'one statement alone' \
  'CREATE INDEX CONCURRENTLY a_idx ON sessions (expires_at);
  CREATE INDEX CONCURRENTLY b_idx ON sessions (created_at);' \
  ' transaction:false'

mv "$dir/migrations/20990101000100_it.sql" \
  "$dir/migrations/20990101000200_it.sql"
if "$lint" "$dir/migrations" > "$dir/said" 2>&1; then
  fail 'a migration without a row in schema_compatibility: not refused'
fi
grep -q 'schema_compatibility' "$dir/said" || fail 'the row is not named'
echo 'migrations_test: good'

#!/bin/bash
# Lints the migrations: CONTRIBUTING.md, "A migration", has the rules. What a
# file must do all the same, it says: -- squawk-ignore RULE
#
# usage: script/lib/migrations.sh [FOLDER]
#   FOLDER  migrations/ when it is not given
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$root/migrations}
squawk=${WXIDENT_TOOLS_DIR:-$root/.tools}/bin/squawk
if [[ ! -x $squawk ]]; then
  echo "there is no $squawk: run script/bootstrap" >&2
  exit 1
fi

# Migrations before this one came before the rules, and are never changed.
first=20261130000000

found=0
breach() {
  echo "$1: $2"
  found=1
}

# lint FLAG... FILE...
lint() {
  # IF NOT EXISTS would take the broken index that a failed run leaves; a number
  # has the size that its meaning needs; lock_timeout bounds what others wait.
  "$squawk" --reporter gcc --pg-version 15.0 --exclude prefer-robust-stmts \
    --exclude prefer-bigint-over-int --exclude prefer-bigint-over-smallint \
    --exclude require-statement-timeout "$@" || found=1
}

together=() alone=()
for file in "$folder"/*.sql; do
  version=$(basename "$file" | cut -d_ -f1)
  if ((version < first)); then continue; fi
  grep -qF "('$version', " "$folder"/*.sql ||
    breach "$file" 'no migration writes its row into schema_compatibility'
  if grep -q '^-- migrate:up transaction:false' "$file"; then
    alone+=("$file")
    # Of two, one could be done and the other not.
    [[ $(sed '/^-- migrate:down/,$d; s/--.*//' "$file" | tr -cd ';') == ';' ]] ||
      breach "$file" 'what runs without a transaction is one statement alone'
  else
    together+=("$file")
  fi
done
[[ ${#together[@]} -eq 0 ]] || lint --assume-in-transaction "${together[@]}"
# Nobody waits behind the lock of what is made CONCURRENTLY.
[[ ${#alone[@]} -eq 0 ]] || lint --exclude require-lock-timeout "${alone[@]}"
exit $found

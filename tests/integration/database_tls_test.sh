#!/bin/bash
# The way to a database that proves itself by a certificate: `wxidentd keys
# verify`, which connects as a server does, reaches the right one and no other,
# whatever libpq's variables say.
set -euo pipefail

root=$PWD
# shellcheck source=script/lib/postgres.sh
source script/lib/postgres.sh
dir=$(mktemp -d /tmp/wxident-database-tls.XXXXXX)
stop() {
  wx_pg_stop "$dir/postgres"
  rm -rf "$dir"
}
trap stop EXIT

# authority NAME, certificate NAME CA HOST: NAME.crt and NAME.key.
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1)
authority() {
  openssl req -x509 "${key[@]}" -subj "/CN=$1" \
    -keyout "$dir/$1.key" -out "$dir/$1.crt" 2> "$dir/openssl.log"
}
certificate() {
  openssl req -x509 "${key[@]}" -CA "$dir/$2.crt" -CAkey "$dir/$2.key" \
    -subj "/CN=$1" -addext "subjectAltName=DNS:$3" \
    -addext basicConstraints=critical,CA:FALSE \
    -keyout "$dir/$1.key" -out "$dir/$1.crt" 2> "$dir/openssl.log"
}
authority right
authority wrong
certificate server right db.example

wx_pg_start "$dir/postgres" --fast
wx_pg_migrate "$dir/postgres" > "$dir/migrate.log"
data=$(cat "$dir/postgres/home")/data
port=$(cat "$dir/postgres/port")
cp "$dir/server.crt" "$dir/server.key" "$data/"
chmod 600 "$data/server.key"
((EUID != 0)) || chown postgres:postgres "$data/server.crt" "$data/server.key"
# Nobody gets in without TLS.
echo 'local all all trust
hostssl wxident wxident_server 127.0.0.1/32 trust' > "$data/pg_hba.conf"
wx_pg_superuser "$dir/postgres" postgres --command='ALTER SYSTEM SET ssl = on'
wx_pg_restart "$dir/postgres" fast

umask 077
wxidentd=$root/server/wxidentd
for name in ring index; do
  "$wxidentd" keys new --ring-file "$dir/$name" > "$dir/keys.log"
done
echo secret > "$dir/secret"
cat > "$dir/wxidentd.yaml" << END
grpc: {addr: "127.0.0.1:0", insecure_loopback: true}
database: {url: "postgresql:///unused"}
keys: {ring_file: ring, phone_index_file: index}
apps: [{app_id: wx0123456789abcdef, kind: mini_program, secret_file: secret}]
END

# verify CODE HOST QUERY [VARIABLE=VALUE...]: with a home of nobody's.
mkdir "$dir/home"
verify() {
  local wanted=$1 code=0
  local url="postgresql://wxident_server@$2:$port/wxident?hostaddr=127.0.0.1&$3"
  shift 3
  env "HOME=$dir/home" "$@" "$wxidentd" keys verify --ring-file "$dir/ring" \
    --config "$dir/wxidentd.yaml" --database-url "$url" \
    > "$dir/verify.log" 2>&1 || code=$?
  if ((code != wanted)); then
    echo "$* $url: exit code $code, not $wanted" >&2
    cat "$dir/verify.log" >&2
    exit 1
  fi
}
good=0 unavailable=69
full="sslmode=verify-full&sslrootcert=$dir"

verify $good db.example "$full/right.crt"
verify $unavailable db.example "$full/wrong.crt"
verify $unavailable other.example "$full/right.crt"
verify $unavailable db.example 'sslmode=verify-full'

# The environment makes it neither worse nor better.
verify $good db.example "$full/right.crt" PGSSLMODE=disable \
  PGSSLROOTCERT="$dir/wrong.crt" PGHOST=192.0.2.1 PGHOSTADDR=192.0.2.1
verify $unavailable db.example "$full/wrong.crt" PGSSLMODE=disable \
  PGSSLROOTCERT="$dir/right.crt"
verify $unavailable db.example 'sslmode=verify-full' \
  PGSSLROOTCERT="$dir/right.crt"

# Where libpq looks of itself.
mkdir "$dir/home/.postgresql"
cp "$dir/right.crt" "$dir/home/.postgresql/root.crt"
verify $good db.example 'sslmode=verify-full'
echo 'database_tls_test: good'

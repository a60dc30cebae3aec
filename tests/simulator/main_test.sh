#!/bin/bash
# Runs the program itself: what it writes, how it stops, how it refuses.
set -euo pipefail

readonly SIM="$PWD/simulator/wechat-simulator"
readonly README="$PWD/simulator/README.md"
readonly DIR="$TEST_TMPDIR/sim"

fail() { echo "FAILED: $*" >&2; exit 1; }

# Waits, at most 30 s, for the URL that the program writes when it listens.
wait_for_url() {
  local tries=0
  until [[ -s "$DIR/url" ]]; do
    kill -0 "$1" || fail "it died: $(cat "$TEST_TMPDIR/err")"
    (( ++tries < 3000 )) || fail "no $DIR/url"
    read -rt 0.01 <> <(:) || true
  done
}

cat > "$TEST_TMPDIR/config.json" <<'JSON'
{"apps": [{"app_id": "wx1", "secret": "s"}],
 "settings": {"ordinary_token_lifetime_s": 77}}
JSON

for round in first second; do
  "$SIM" --dir "$DIR" --config "$TEST_TMPDIR/config.json" --seed 5 \
    > "$TEST_TMPDIR/out" 2> "$TEST_TMPDIR/err" &
  pid=$!
  wait_for_url "$pid"
  url="$(cat "$DIR/url")"
  [[ "$url" =~ ^https://127\.0\.0\.1:[0-9]+$ ]] || fail "url: $url"
  answer="$(curl -sS --noproxy '*' --cacert "$DIR/ca.pem" \
    "$url/cgi-bin/token?appid=wx1&secret=s&grant_type=client_credential")"
  [[ "$answer" == *'"expires_in":77}' ]] || fail "token: $answer"
  [[ -z "${before:-}" || "$before" == "$answer" ]] \
    || fail "the same seed gave another token"
  before="$answer"
  [[ "$round" == first ]] && cp "$DIR/ca.pem" "$TEST_TMPDIR/ca.first"
  cmp "$DIR/ca.pem" "$TEST_TMPDIR/ca.first" || fail "the CA changed"

  # Every recipe of the README is a rule that is taken.
  recipes="$(sed -n '/^| to see | rule |/,/^$/s/.*| `\({.*}\)` |$/\1/p' "$README")"
  (( $(wc -l <<< "$recipes") > 15 )) || fail "no recipes found"
  while read -r recipe; do
    answer="$(curl -sS --noproxy '*' --cacert "$DIR/ca.pem" \
      "$url/_sim/faults" -d "$recipe")"
    [[ "$answer" == '{"id":'* ]] || fail "$recipe: $answer"
  done <<< "$recipes"

  [[ "$round" == first ]] && signal=TERM || signal=INT
  kill "-$signal" "$pid"
  wait "$pid" || fail "exit code $? after SIG$signal"
  [[ ! -e "$DIR/url" ]] || fail "$DIR/url outlived the program"
  [[ "$(cat "$TEST_TMPDIR/out")" == "{\"url\":\"$url\",\"ca\":\"$DIR/ca.pem\"}" ]] \
    || fail "stdout: $(cat "$TEST_TMPDIR/out")"
done

expect_exit() {
  local code="$1" words="$2"
  shift 2
  local got=0
  "$SIM" "$@" > "$TEST_TMPDIR/out" 2> "$TEST_TMPDIR/err" || got=$?
  [[ "$got" == "$code" ]] || fail "$*: exit code $got, not $code"
  grep -qF -- "$words" "$TEST_TMPDIR/err" || fail "$*: $(cat "$TEST_TMPDIR/err")"
}
expect_exit 64 "--dir: missing"
expect_exit 78 "/no/such.json" --dir "$DIR" --config /no/such.json
echo '{"apps": [{"app_id": "wx1", "colour": 1}]}' > "$TEST_TMPDIR/bad.json"
expect_exit 78 "apps[0].colour: no such field" --dir "$DIR" \
  --config "$TEST_TMPDIR/bad.json"
expect_exit 1 "cannot write" --dir /proc/nowhere
expect_exit 1 "--listen" --dir "$DIR" --listen 192.0.2.1:0

# Every setting and endpoint of --help stands in the README.
"$SIM" --help > "$TEST_TMPDIR/help"
names="$(sed -nE 's/^  ([a-z0-9_]+) \(.*/\1/p; s/^  (GET|POST) (\/.*)/\2/p' \
  "$TEST_TMPDIR/help")"
(( $(wc -w <<< "$names") > 30 )) || fail "--help lists too little"
for name in $names; do
  grep -qF "\`$name\`" "$README" || fail "README.md does not explain $name"
done
echo "ok"

#!/bin/bash
# The generator's program against the bare server's: every request is counted,
# and so is every error.
#
# usage: smoke_test.sh LOAD ECHO
set -euo pipefail

load=$1
"$2" off > "$TEST_TMPDIR/addr" &
trap 'kill %1' EXIT
for ((i = 0; i < 600; ++i)); do
  if [[ -s $TEST_TMPDIR/addr ]]; then break; fi
  sleep 0.1
done
addr=$(cat "$TEST_TMPDIR/addr")
service=wxident.v1.IdentityService
# GetAccessTokenRequest{app_id: "wx1"}, 50 times.
for ((i = 0; i < 50; ++i)); do
  printf '\x05\x0a\x03wx1'
done > "$TEST_TMPDIR/requests"

run() {
  "$load" --addr "$addr" --path "/$service/$1" --each-once yes \
    --requests "$TEST_TMPDIR/requests" --in-flight 8 --connections 2 \
    --warm-up 0 --seconds 60 > "$TEST_TMPDIR/out"
}
# expect WHAT FILTER: the JSON passes it.
expect() {
  jq -e "$2" <(sed -n 3p "$TEST_TMPDIR/out") > /dev/null || {
    echo "not so: $1"
    cat "$TEST_TMPDIR/out"
    exit 1
  }
}

run GetAccessToken
[[ $(head -n 2 "$TEST_TMPDIR/out") == $'begin\nend' ]]
expect 'all are answered' '.answered == 50 and .errors == 0 and .ran_out'
expect 'answers are as large as they are sent' \
  '.least_answer == .largest_answer and .least_answer > 135'
expect 'times have an order' \
  '0 < .p50_us and .p50_us <= .p99_us and .p99_us <= .max_us'

run NoSuchMethod
expect 'errors are told by status' \
  '.answered == 0 and .errors == 50 and .failed == {"12": 50}'

if "$load" --addr 127.0.0.1:1 --path "/$service/GetAccessToken" \
  --requests "$TEST_TMPDIR/requests" 2> "$TEST_TMPDIR/error"; then
  echo 'a server that is not there was no error'
  exit 1
fi
grep -q 'connecting to 127.0.0.1:1' "$TEST_TMPDIR/error"

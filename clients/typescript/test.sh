#!/bin/bash
# Compiles and runs the tests of the TypeScript client.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
./build.sh "$work"
cd "$work"

reporters=(--test-reporter=spec --test-reporter-destination=stdout)
if [[ ${XML_OUTPUT_FILE-} ]]; then
  reporters+=(--test-reporter=junit "--test-reporter-destination=$XML_OUTPUT_FILE")
fi
# gRPC must find loopback without a proxy of the machine.
env -u grpc_proxy -u http_proxy -u https_proxy -u HTTP_PROXY -u HTTPS_PROXY \
  node --test "${reporters[@]}" build/test/*.test.js

#!/bin/bash
# The conformance runner of the TypeScript client: compiles it and becomes it.
# tests/conformance starts it and speaks JSON lines with it.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
./build.sh "$work" >&2
# Not exec: the folder is removed afterwards.
node "$work/build/conformance/runner.js"

#!/bin/bash
# Vets and tests the Go client, with the race detector.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
./go.sh vet ./...
gofmt=$(./go.sh env GOROOT)/bin/gofmt
unformatted=$(find . -name '*.go' -exec "$gofmt" -l {} +)
if [[ $unformatted ]]; then
  printf 'not as gofmt has it: %s\n' "$unformatted" >&2
  exit 1
fi
./go.sh build -o "$work/junit" ./internal/junit
# Modules are there: script/bootstrap downloads them.
./go.sh test -race -json ./... | "$work/junit" "${XML_OUTPUT_FILE:-$work/out.xml}"

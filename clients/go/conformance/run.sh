#!/bin/bash
# Builds and runs the conformance runner; it ends with its input.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$(dirname "$0")/../go.sh" build -o "$work/conformance" ./conformance
"$work/conformance"

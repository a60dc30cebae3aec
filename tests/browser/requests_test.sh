#!/bin/bash
# Runs requests_test.js with what script/bootstrap installed.
set -euo pipefail

if [[ ! -d ${WXIDENT_TOOLS_DIR-}/website/node_modules ]]; then
  echo 'WXIDENT_TOOLS_DIR has no website: run script/bootstrap' >&2
  exit 1
fi
exec node tests/browser/requests_test.js

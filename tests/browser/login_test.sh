#!/bin/bash
# Finds what script/bootstrap installed, and runs login_test.js.
set -euo pipefail

CHROMIUM=$(command -v chromium) || {
  echo 'there is no chromium: run script/bootstrap' >&2
  exit 1
}
export CHROMIUM
for folder in browser website; do
  if [[ ! -d ${WXIDENT_TOOLS_DIR-}/$folder/node_modules ]]; then
    echo "WXIDENT_TOOLS_DIR has no $folder: run script/bootstrap" >&2
    exit 1
  fi
done
exec node tests/browser/login_test.js

#!/bin/bash
# Runs run.py with what Bazel built. It wants Debian's python3-yaml, openssl and
# PostgreSQL, and what script/bootstrap put into WXIDENT_TOOLS_DIR.
set -euo pipefail

if [[ ! ${WXIDENT_TOOLS_DIR-} ]]; then
  echo 'WXIDENT_TOOLS_DIR is not set: run script/bootstrap' >&2
  exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
# Debian's own, which has the Debian package.
exec /usr/bin/python3 tests/conformance/run.py "$@"

#!/bin/bash
# Runs the Python client's tests in the environment that script/bootstrap made.
#
# usage: clients/python/test.sh [PYTEST ARGUMENT...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

tools=${WXIDENT_TOOLS_DIR:-$PWD/../../.tools}
if [[ ! -x $tools/python/bin/python ]]; then
  echo "there is no $tools/python: run script/bootstrap" >&2
  exit 1
fi
export PYTHONDONTWRITEBYTECODE=1
arguments=(-p no:cacheprovider)
if [[ ${XML_OUTPUT_FILE-} ]]; then
  arguments+=("--junitxml=$XML_OUTPUT_FILE" -o junit_family=xunit2)
fi
exec "$tools/python/bin/python" -m pytest -q "${arguments[@]}" "$@"

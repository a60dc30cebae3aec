#!/bin/bash
# Writes the generated code of clients/python/src/wxident: messages and services
# with their types in v1, _contract.py, _error_classes.py. script/generate calls
# it.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=clients/python/src/wxident/v1
venv=${WXIDENT_TOOLS_DIR:-$PWD/.tools}/python

# protoc comes with grpcio-tools, so that what it makes fits the runtime that
# the client is locked to.
for file in "$venv/bin/python" "$venv/bin/protoc-gen-mypy"; do
  if [[ ! -x $file ]]; then
    echo "there is no $file: run script/bootstrap" >&2
    exit 1
  fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(
  cd protos
  "$venv/bin/python" -m grpc_tools.protoc -I . \
    --plugin="protoc-gen-mypy=$venv/bin/protoc-gen-mypy" \
    --plugin="protoc-gen-mypy_grpc=$venv/bin/protoc-gen-mypy_grpc" \
    --python_out="$work" --mypy_out=quiet:"$work" \
    wxident/v1/*.proto
  "$venv/bin/python" -m grpc_tools.protoc -I . \
    --plugin="protoc-gen-mypy_grpc=$venv/bin/protoc-gen-mypy_grpc" \
    --grpc_python_out="$work" --mypy_grpc_out=quiet:"$work" \
    wxident/v1/*_service.proto
)
echo '"""Messages and services of wxident.v1, as script/generate makes them."""' \
  > "$work/wxident/v1/__init__.py"

rm -rf "$out"
cp -r "$work/wxident/v1" "$out"

bash script/lib/contractgen.sh python

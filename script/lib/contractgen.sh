#!/bin/bash
# Writes what tools/contractgen makes of protos/ for one part: cpp, docs, go,
# java, python, typescript. script/generate calls it.
#
# usage: script/lib/contractgen.sh PART
set -euo pipefail
cd "$(dirname "$0")/../.."

/usr/bin/python3 -c 'import google.protobuf' 2> /dev/null || {
  echo 'there is no python3-protobuf: run script/bootstrap' >&2
  exit 1
}
protoc -Iprotos \
  --plugin=protoc-gen-contract=tools/contractgen/protoc-gen-contract \
  --contract_out=. --contract_opt="$1" protos/wxident/v1/*.proto

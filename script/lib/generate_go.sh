#!/bin/bash
# Writes the generated code of clients/go: messages and services in wxident/v1,
# sentinels.go, internal/contract. script/generate calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."

# protoc-gen-go comes with the module that go.mod pins; this one is a module of
# its own.
protoc_gen_go_grpc=google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2

tools=${WXIDENT_TOOLS_DIR:-$PWD/.tools}
plugins=$tools/go-plugins
mkdir -p "$plugins"
clients/go/go.sh build -o "$plugins/protoc-gen-go" \
  google.golang.org/protobuf/cmd/protoc-gen-go
if [[ $(cat "$plugins/stamp" 2> /dev/null) != "$protoc_gen_go_grpc" ]]; then
  GOBIN=$plugins clients/go/go.sh install "$protoc_gen_go_grpc"
  echo "$protoc_gen_go_grpc" > "$plugins/stamp"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
protoc -Iprotos \
  --plugin="protoc-gen-go=$plugins/protoc-gen-go" \
  --plugin="protoc-gen-go-grpc=$plugins/protoc-gen-go-grpc" \
  --go_out="$work" --go_opt=module=github.com/wxident/wxident/clients/go \
  --go-grpc_out="$work" \
  --go-grpc_opt=module=github.com/wxident/wxident/clients/go \
  protos/wxident/v1/*.proto
rm -rf clients/go/wxident/v1
mkdir -p clients/go/wxident
cp -r "$work/wxident/v1" clients/go/wxident/v1

bash script/lib/contractgen.sh go

#!/bin/bash
# Writes the generated code of clients/typescript/src: in gen messages, JSON
# forms and the service of protos/, and the parts of google.rpc that errors are
# made of; contract.ts, reasons.ts. script/generate calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=clients/typescript/src/gen
plugin=${WXIDENT_TOOLS_DIR:-$PWD/.tools}/typescript/node_modules/.bin/protoc-gen-ts_proto
# Debian's copy of google/rpc.
jar=/usr/share/java/proto-google-common-protos.jar

for file in "$plugin" "$jar"; do
  if [[ ! -e $file ]]; then
    echo "there is no $file: run script/bootstrap" >&2
    exit 1
  fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/google" "$work/gen"
(cd "$work/google" && python3 -m zipfile -e "$jar" .)

options=(
  env=node esModuleInterop=true importSuffix=.js
  outputServices=grpc-js outputClientImpl=false
  # 64-bit numbers are whole in a bigint.
  forceLong=bigint
  # Enums are unions of the names that JSON has for them.
  stringEnums=true enumsAsLiterals=true removeEnumPrefix=true
  useExactTypes=false exportCommonSymbols=false
  # The versions of protoc differ between machines; what they make does not.
  annotateFilesWithVersion=false
)
# ErrorInfo is missing in Debian's copy; bazel/google_rpc has it.
protoc -Iprotos -Ibazel/google_rpc -I"$work/google" \
  --plugin=protoc-gen-ts_proto="$plugin" \
  --ts_proto_out="$work/gen" \
  --ts_proto_opt="$(IFS=, && echo "${options[*]}")" \
  wxident/v1/error_reason.proto wxident/v1/identity_service.proto \
  error_info.proto google/rpc/error_details.proto google/rpc/status.proto

# Only our options need these two, and nothing at run time does.
rm "$work/gen/google/protobuf/descriptor.ts" "$work/gen/wxident/v1/options.ts"

rm -rf "$out"
cp -r "$work/gen" "$out"

bash script/lib/contractgen.sh typescript

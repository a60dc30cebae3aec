#!/bin/bash
# Compiles the client, its tests and the conformance runner into a folder of
# their own, with the packages that script/bootstrap installed.
#
# usage: clients/typescript/build.sh FOLDER
#   FOLDER  an empty folder; FOLDER/build holds what was compiled
set -euo pipefail
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"

tools=${WXIDENT_TOOLS_DIR:-$(cd ../.. && pwd)/.tools}
packages=$tools/typescript/node_modules
if [[ ! -x $packages/.bin/tsc ]]; then
  echo "there is no $packages: run script/bootstrap" >&2
  exit 1
fi

cp -rL src test conformance package.json tsconfig.json tsconfig.build.json \
  README.md LICENSE "$folder/"
ln -s "$packages" "$folder/node_modules"
cd "$folder"
node_modules/.bin/tsc -p tsconfig.json

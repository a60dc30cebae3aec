#!/bin/bash
# Writes the version of the file VERSION into each client: its package, what it
# tells servers, its README. script/generate calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$(cat VERSION)
if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
  echo "VERSION holds \"$version\", which is not like 1.2.3" >&2
  exit 1
fi

# put COUNT FILE TEXT [LINES]: writes the version over the one in each line of
# FILE, or of the lines that sed knows as LINES, that holds TEXT, where @ stands
# for a version. Fails unless that are COUNT lines.
put() {
  local count=$1 file=$2 lines=${4:-1,$} from to found
  from=$(sed 's/[.*[^$/]/\\&/g; s/@/[0-9][0-9.]*[0-9]/' <<< "$3")
  to=$(sed "s/[&/]/\\\\&/g; s/@/$version/" <<< "$3")
  found=$(sed -n "${lines}p" "$file" | grep -c -- "$from") || true
  if [[ $found -ne $count ]]; then
    echo "$file: $found lines are like '$3', not $count" >&2
    exit 1
  fi
  sed -i "${lines}s/$from/$to/" "$file"
}

put 1 clients/cpp/wxident/version.h 'kVersion[] = "@"'
put 1 clients/go/doc.go 'const Version = "@"'
put 1 clients/python/src/wxident/_version.py '__version__ = "@"'
put 1 clients/typescript/README.md 'wxident-client-@.tgz'
put 1 clients/typescript/src/version.ts "version = '@'"
# The rest of these files has versions of dependencies.
artifact='/<artifactId>wxident-client</,+1'
put 2 clients/java/README.md '<version>@</version>' "$artifact"
put 1 clients/java/pom.xml '<version>@</version>' "$artifact"
put 1 clients/typescript/package.json '"version": "@"' 1,10
put 2 clients/typescript/package-lock.json '"version": "@"' 1,10

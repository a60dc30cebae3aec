#!/bin/bash
# The version stands in VERSION alone: script/lib/generate_version.sh brings it
# to each client, and script/lib/workspace_status.sh gives the commit.
set -euo pipefail
root=$(readlink -f VERSION)
root=${root%/VERSION}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

mkdir "$dir/copy"
(cd "$root" && git ls-files -z -- VERSION clients script/lib |
  tar --create --null --files-from=-) | tar --extract --directory="$dir/copy"
cd "$dir/copy"
bash script/lib/generate_version.sh
for file in $(git -C "$root" ls-files -- clients); do
  cmp -s "$file" "$root/$file" ||
    fail "$file has another version than VERSION: run script/generate"
done

old=$(cat VERSION)
new=98.76.54
echo $new > VERSION
bash script/lib/generate_version.sh
for file in clients/cpp/wxident/version.h clients/go/doc.go \
  clients/java/pom.xml clients/python/src/wxident/_version.py \
  clients/typescript/package.json clients/typescript/src/version.ts; do
  grep -qF "$new" "$file" || fail "$file keeps its version"
  if grep -nF "\"$old\"" "$file"; then fail "$file has $old as well"; fi
done

echo 1.2 > VERSION
if bash script/lib/generate_version.sh 2> said; then
  fail 'a version of two numbers is taken'
fi
grep -q '1.2.3' said || fail 'what a version looks like is not said'

# The commit, of a checkout of its own.
export HOME=$dir GIT_CONFIG_NOSYSTEM=1
git init -q .
[[ ! $(script/lib/workspace_status.sh) ]] || fail 'a commit without a commit'
echo 1.2.3 > VERSION
rm said
git add .
git -c user.name=a -c user.email=a@example.com commit -q -m first
commit=$(git rev-parse --short=12 HEAD)
[[ $(script/lib/workspace_status.sh) == "STABLE_WXIDENT_COMMIT $commit" ]] ||
  fail 'the commit is not told'
echo >> VERSION
[[ $(script/lib/workspace_status.sh) == \
  "STABLE_WXIDENT_COMMIT $commit-modified" ]] ||
  fail 'a changed checkout passes for its commit'
rm -rf .git
[[ ! $(script/lib/workspace_status.sh) ]] ||
  fail 'a folder without git has a commit'
echo 'version_test: good'

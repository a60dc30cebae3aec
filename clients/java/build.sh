#!/bin/bash
# Builds the client, its tests and the conformance runner, and prints the folder
# that has the jars, target/ as Maven makes it, and a class path for the runner.
# A build of the same sources is not repeated.
#
# usage: clients/java/build.sh [--fetch]
#   --fetch  downloads what Maven needs, for this and for test.sh; without it
#            nothing is downloaded. script/bootstrap does that.
#   WXIDENT_TOOLS_DIR  where script/bootstrap put things; the checkout's .tools
#                      when it is not set
set -euo pipefail
cd "$(dirname "$0")"

tools=${WXIDENT_TOOLS_DIR:-$(cd ../.. && pwd)/.tools}
fetch=
if [[ ${1-} == --fetch ]]; then
  fetch=1
fi
for program in java mvn; do
  command -v "$program" > /dev/null || {
    echo "there is no $program: run script/bootstrap" >&2
    exit 1
  }
done

# Bazel shows a test its files as links.
sources() {
  find -L pom.xml src conformance -type f -not -path '*/.*' -print0 | sort -z
  find -L ../../protos -name '*.proto' -print0 | sort -z
}
stamp=$({ java -version 2>&1 && sources | xargs -0 cat && sources; } | sha256sum)
stamp=${stamp:0:16}
build=$tools/java/$stamp
if [[ -f $build/done && ! $fetch ]]; then
  echo "$build"
  exit
fi

mkdir -p "$tools/java"
exec 9> "$tools/java/lock"
flock 9
if [[ -f $build/done && ! $fetch ]]; then
  echo "$build"
  exit
fi
# Those of older sources; one that is in use just now keeps its files open.
find "$tools/java" -mindepth 1 -maxdepth 1 -type d -mmin +1440 \
  -exec rm -rf {} +
rm -rf "$build"
mkdir -p "$build/clients/java" "$build/protos"
cp -rL pom.xml src conformance "$build/clients/java/"
cp -rL ../../protos/wxident "$build/protos/"
log=$build/log

maven() {
  (cd "$build/clients/java" && mvn --batch-mode --quiet \
    "-Dmaven.repo.local=$tools/m2" "$@") >> "$log" 2>&1 9>&- || {
    cat "$log" >&2
    if [[ ! $fetch ]]; then
      echo 'when Maven misses something: run script/bootstrap' >&2
    fi
    exit 1
  }
}

class_path=(dependency:build-classpath -Dmdep.outputFile=class-path
  -Dmdep.includeScope=test)
if [[ $fetch ]]; then
  # One test, so that what runs tests is there too.
  maven package -Dtest=AddressTest "${class_path[@]}"
else
  maven --offline package -DskipTests "${class_path[@]}"
fi
touch "$build/done"
echo "$build"

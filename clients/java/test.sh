#!/bin/bash
# Builds the client and runs its tests.
set -euo pipefail
cd "$(dirname "$0")"

tools=${WXIDENT_TOOLS_DIR:-$(cd ../.. && pwd)/.tools}
build=$(./build.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$build/clients" "$build/protos" "$work/"

# Maven finds nothing to compile again.
code=0
(cd "$work/clients/java" && mvn --offline --batch-mode \
  "-Dmaven.repo.local=$tools/m2" surefire:test) || code=$?

if [[ ${XML_OUTPUT_FILE-} ]]; then
  {
    echo '<?xml version="1.0" encoding="UTF-8"?>'
    echo '<testsuites>'
    for report in "$work"/clients/java/target/surefire-reports/TEST-*.xml; do
      if [[ -f $report ]]; then sed '1s/^<?xml[^>]*?>//' "$report"; fi
    done
    echo '</testsuites>'
  } > "$XML_OUTPUT_FILE"
fi
exit "$code"

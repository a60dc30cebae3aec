#!/bin/bash
# Starts the conformance runner, which is built when it is not yet.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$(./build.sh)/clients/java
# Quick to start matters more than quick in the end.
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
  -cp "$build/target/classes:$build/target/test-classes:$(< "$build/class-path")" \
  dev.wxident.conformance.Runner

#!/bin/sh
# The plugin and its test run on Debian's Python, which has protobuf.
set -eu
exec /usr/bin/python3 -B tests/tools/contractgen/contractgen_test.py

#!/bin/sh
# Runs layers_test.py over the sources themselves, which its Bazel target has
# no list of: the script's real place tells where they are.
set -eu
script=$(readlink -f script/lib/layers.py)
WXIDENT_ROOT=${script%/script/lib/layers.py} exec python3 -B \
  tests/script/layers_test.py

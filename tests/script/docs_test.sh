#!/bin/sh
# Runs docs_test.py over the documents and sources themselves, which its Bazel
# target has no list of: the script's real place tells where they are.
set -eu
script=$(readlink -f tests/script/docs_test.py)
WXIDENT_ROOT=${script%/tests/script/docs_test.py} exec python3 -B "$script"

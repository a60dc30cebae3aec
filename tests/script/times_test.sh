#!/bin/sh
# Runs times_test.py over the tests themselves, as docs_test.sh does.
set -eu
script=$(readlink -f tests/script/times_test.py)
WXIDENT_ROOT=${script%/tests/script/times_test.py} exec python3 -B "$script"

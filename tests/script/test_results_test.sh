#!/bin/sh
set -eu
exec python3 -B tests/script/test_results_test.py

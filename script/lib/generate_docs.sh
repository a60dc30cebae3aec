#!/bin/bash
# Writes docs/errors.md and docs/zh/errors.md: the tables of error reasons
# and methods.
# script/generate calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."

bash script/lib/contractgen.sh docs

#!/bin/bash
# Writes clients/cpp/wxident/contract.h: deadlines, retries, status codes and
# advice for the C++ client.
# script/generate calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."

bash script/lib/contractgen.sh cpp

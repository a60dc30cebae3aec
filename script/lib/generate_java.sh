#!/bin/bash
# Writes Reason.java and Contract.java of clients/java: error reasons,
# deadlines and retries. Messages and services are made when it is built.
# script/generate calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."

bash script/lib/contractgen.sh java

#!/bin/sh
# Fails when what is checked in of the clients' generated code is not what
# protos/ gives. The script's real place tells where the checkout is.
set -eu
script=$(readlink -f script/generate)
exec "$script" --check

#!/bin/bash
# Runs the go command that this module is built with, in this folder: the one of
# script/bootstrap (.tools/go), or the machine's where it is new enough.
#
# usage: clients/go/go.sh ARGUMENT...     as the go command takes them
#   WXIDENT_TOOLS_DIR  where script/bootstrap put things; the checkout's .tools
#                      when it is not set. When it is set, what go downloads and
#                      builds is kept there too.
set -euo pipefail
cd "$(dirname "$0")"

tools=${WXIDENT_TOOLS_DIR:-$(cd ../.. && pwd)/.tools}
minimum=$(sed -n 's/^go //p' go.mod)

# Whether a go command is at least as new as go.mod wants.
new_enough() {
  local version
  version=$(GOTOOLCHAIN=local "$1" version 2> /dev/null) || return 1
  [[ $version =~ go([0-9]+\.[0-9]+(\.[0-9]+)?) ]] || return 1
  printf '%s\n' "$minimum" "${BASH_REMATCH[1]}" | sort -C -V
}

go=
for candidate in "$tools/go/bin/go" "$(command -v go || true)"; do
  if [[ -x $candidate ]] && new_enough "$candidate"; then
    go=$candidate
    break
  fi
done
if [[ ! $go ]]; then
  echo "there is no Go $minimum or newer: run script/bootstrap" >&2
  exit 1
fi
if [[ ${WXIDENT_TOOLS_DIR-} ]]; then
  export GOPATH=$WXIDENT_TOOLS_DIR/gopath GOCACHE=$WXIDENT_TOOLS_DIR/gocache
  unset GOMODCACHE
fi
# The module alone, whatever is around it, with this Go and no other.
export GOTOOLCHAIN=local GOWORK=off GOFLAGS='-mod=readonly -modcacherw -buildvcs=false'
unset GOROOT
PATH=$(dirname "$go"):$PATH exec "$go" "$@"

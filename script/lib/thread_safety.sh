#!/bin/bash
# Checks with clang that what a lock guards is touched under it: the annotations
# of server/base/mutex.h. Fails on any breach.
#
# usage: script/lib/thread_safety.sh [FILE...]
#   FILE  C++ sources; by default those of the server that use base/mutex.h
set -euo pipefail
cd "$(dirname "$0")/../.."

generated=.
if [[ $# -gt 0 ]]; then
  sources=("$@")
else
  bazel build //server/identity:reason_generate > /dev/null
  generated=$(bazel info bazel-bin 2> /dev/null)
  # A header's users are checked with the header, and its own source is one.
  mapfile -t sources < <(
    grep -rlE 'base/(mutex|in_flight)\.h' server --include='*.h' --include='*.cc' |
      sed 's/\.h$/.cc/' | sort -u |
      while read -r file; do [[ ! -f $file ]] || echo "$file"; done
  )
fi

flags=(-std=c++20 -fsyntax-only -I. -isystem "$generated" -Wno-everything
  -Wthread-safety -Werror)
printf '%s\0' "${sources[@]}" |
  xargs -0 -P "$(nproc)" -I FILE clang++-14 "${flags[@]}" FILE
echo "thread safety: ${#sources[@]} files, no breach"

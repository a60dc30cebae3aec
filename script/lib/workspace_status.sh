#!/bin/bash
# Bazel runs this before a build (.bazelrc): it names the commit for
# server/base/version_stamp.h. Prints nothing where git knows of none.
cd "$(dirname "$0")/../.." || exit 0
commit=$(git rev-parse --short=12 HEAD 2> /dev/null) || exit 0
# A folder of some other checkout is none itself.
[[ ! $(git rev-parse --show-prefix) ]] || exit 0
# What is not known to git counts as well: it may be built.
[[ ! $(git status --porcelain 2> /dev/null) ]] || commit+=-modified
echo "STABLE_WXIDENT_COMMIT $commit"

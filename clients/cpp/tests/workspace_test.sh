#!/bin/bash
# Builds the quick start of README.md in a workspace of its own, by a Bazel of
# its own, and sees that the program starts.
set -euo pipefail

readme=$(realpath clients/cpp/README.md)
root=$(realpath "$(dirname "$readme")/../..")
work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/workspace.XXXXXX")
# Bazel takes write permission away from what it makes.
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
mkdir "$work/service"
cd "$work/service"

for file in WORKSPACE .bazelrc BUILD.bazel quickstart.cc; do
  # The block of code that follows the line "`FILE`:".
  awk -v name="\`$file\`:" '
    $0 == name { found = 1 }
    found && /^```/ { if (inside) exit; inside = 1; next }
    inside' "$readme" | sed "s#/path/to/wxident#$root#" > "$file"
  [[ -s $file ]] || { echo "README.md has no block $file" >&2 && exit 1; }
done

# --batch: no server stays. The jobs of a test that is one of several.
bazel --batch --output_user_root="$work/user" --output_base="$work/output" \
  build --jobs=2 --symlink_prefix="$work/" //:quickstart

unset "${!WXIDENT_@}"
if "$work/bin/quickstart" code 2> error; then
  echo 'it started without an address' >&2
  exit 1
fi
if ! grep -F 'address (WXIDENT_CLIENT_ADDR) is required' error; then
  cat error >&2
  exit 1
fi

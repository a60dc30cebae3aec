# Sourced by the scripts: how they speak. Progress goes to stderr, so that a
# script's stdout is its result.
# shellcheck shell=bash

# A step that begins.
step() { printf '==> %s\n' "$*" >&2; }

# A line below a step.
note() { printf '    %s\n' "$*" >&2; }

# What is wrong and what to do, and the end.
die() {
  printf '%s: %s\n' "script/${0##*/}" "$*" >&2
  exit 1
}

# The lines of a list file without comments.
list() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$1"; }

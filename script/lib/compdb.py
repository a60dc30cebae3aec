#!/usr/bin/env python3
"""Turns what `bazel aquery --output=jsonproto` knows of C++ actions into a
compilation database. Reads stdin, writes stdout; paths are from the workspace.
"""

import json
import os
import sys

# What clang does not know, and what it should not make of its own warnings.
NOT_FOR_CLANG = {"-fno-canonical-system-headers", "-Wno-free-nonheap-object",
                 "-Wunused-but-set-parameter", "-Werror"}


def entry_of(action, folder):
    """None for what compiles no file of the workspace."""
    arguments = action.get("arguments", [])
    if "-c" not in arguments:
        return None
    source = arguments[arguments.index("-c") + 1]
    if not os.path.exists(os.path.join(folder, source)):
        return None
    return {
        "directory": folder,
        "file": source,
        "arguments": [argument for argument in arguments
                      if argument not in NOT_FOR_CLANG],
    }


def main():
    folder = os.getcwd()
    entries = {}
    for action in json.load(sys.stdin).get("actions", []):
        entry = entry_of(action, folder)
        # The same file may be compiled for several targets.
        if entry is not None:
            entries.setdefault(entry["file"], entry)
    json.dump([entries[name] for name in sorted(entries)], sys.stdout,
              indent=1)


if __name__ == "__main__":
    main()

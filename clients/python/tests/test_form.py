"""Types, lint, format."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.prefix) / "bin"


@pytest.mark.parametrize(
    "command",
    [
        ["mypy", "--strict"],
        ["mypy", "--strict", "conformance/runner.py"],
        ["ruff", "check", "--no-cache", "."],
        ["ruff", "format", "--no-cache", "--check", "."],
    ],
    ids=lambda command: " ".join(command),
)
def test_nothing_to_mend(command, tmp_path):
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=ROOT,
        env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

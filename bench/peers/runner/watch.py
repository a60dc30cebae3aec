"""What the kernel has counted of a server and its database."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

# Until a counter of syscalls is at work.
ATTACH_SECONDS = 1
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")


def _fields(pid):
    """Those of /proc/PID/stat after the name, as numbers but for the state."""
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2:].split()


def _cpu_us(pid):
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) * TICK_US


def _database_cpu_us(pid):
    """Of the postmaster, its children, and those that have ended."""
    fields = _fields(pid)
    total = sum(map(int, fields[11:15])) * TICK_US
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children"
                              ).read_text().split():
        try:
            total += _cpu_us(child)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total


def _voluntary_switches(pid):
    total = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            text = status.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text,
                               re.M)[1])
    return total


def count(server):
    """Counts that only rise."""
    return {
        "cpu_us": _cpu_us(server.pid),
        "database_cpu_us": (_database_cpu_us(server.database.pid)
                            if server.database else 0),
        "switches": _voluntary_switches(server.pid)}


def peak_memory_mib(server):
    text = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"^VmHWM:\s*(\d+)", text, re.M)
    if not found:
        raise ProcessLookupError(f"{server.name} has ended")
    return int(found[1]) / 1024


class Syscalls:
    """Counts those of a process: with perf, which hardly slows it, or else
    with strace, which slows it a lot. The first that can is taken."""

    def __init__(self):
        self.tool = next((tool for tool in ("perf", "strace")
                          if shutil.which(tool) and self._works(tool)), None)

    def _command(self, tool, pid):
        if tool == "perf":
            return ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter",
                    "-p", str(pid)]
        return ["strace", "-c", "-f", "-qq", "-U", "calls,name", "-p", str(pid)]

    def _works(self, tool):
        victim = subprocess.Popen(
            ["sh", "-c", "while sleep 0.1; do :; done"])
        try:
            counting = self.begin(victim.pid, tool)
            time.sleep(ATTACH_SECONDS)
            return bool(self.end(counting, tool))
        finally:
            victim.kill()
            victim.wait()

    def begin(self, pid, tool=None):
        return subprocess.Popen(self._command(tool or self.tool, pid),
                                stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def end(self, counting, tool=None):
        """How many there were; None when the tool failed."""
        try:
            counting.send_signal(signal.SIGINT)
            text = counting.communicate(timeout=20)[1]
        except subprocess.TimeoutExpired:
            counting.kill()
            counting.communicate()
            return None
        if (tool or self.tool) == "perf":
            found = re.search(r"^(\d+),.*raw_syscalls:sys_enter", text, re.M)
        else:
            found = re.search(r"^\s*(\d+) total$", text, re.M)
        return int(found[1]) if found else None

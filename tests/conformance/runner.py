"""A client's runner: a program that speaks JSON lines (see README.md)."""

import collections
import json
import os
import signal
import subprocess
import threading
import time

# How long one answer may take.
PATIENCE_S = 15
# After so many requests in a row without an answer nothing more is asked.
MOST_UNANSWERED = 6


class NoAnswer(Exception):
    """The runner did not answer; the text says why."""


class Runner:
    """One runner as a process. Thread-safe."""

    def __init__(self, name, command, log_path, environment, cwd):
        self.name = name
        self.log_path = log_path
        self._lock = threading.Lock()
        self._waiting = {}
        self._last_id = 0
        self._unanswered = 0
        self._ended = ""
        self._process = None
        try:
            with open(log_path, "wb") as log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=log, env=environment, cwd=cwd,
                    start_new_session=True)
        except OSError as error:
            self._ended = f"the runner did not start: {error}"
            return
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, op, args, patience=PATIENCE_S):
        """The answer's "ok" and its "error"; one of the two is None."""
        answer = _Answer()
        with self._lock:
            if self._ended:
                raise NoAnswer(self._ended)
            self._last_id += 1
            number = self._last_id
            self._waiting[number] = answer
            line = json.dumps({"id": number, "op": op, "args": args}) + "\n"
            try:
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()
            except OSError as error:
                del self._waiting[number]
                raise NoAnswer(f"the runner takes no requests: {error}")
        if not answer.there.wait(patience):
            with self._lock:
                self._waiting.pop(number, None)
                self._unanswered += 1
                if self._unanswered >= MOST_UNANSWERED and not self._ended:
                    self._ended = (f"the runner left {self._unanswered} "
                                   "requests in a row without an answer")
            raise NoAnswer(f"{op}: no answer within {patience} s")
        if answer.value is None:
            raise NoAnswer(self._ended)
        ok, error = answer.value.get("ok"), answer.value.get("error")
        if (ok is None) == (error is None):
            raise NoAnswer(f"{op}: neither ok nor error: {answer.value}")
        return ok, error

    def _read(self):
        garbage = None
        for line in self._process.stdout:
            try:
                value = json.loads(line)
                number = value["id"]
            except (ValueError, TypeError, KeyError):
                garbage = line[:200]
                break
            with self._lock:
                answer = self._waiting.pop(number, None)
                self._unanswered = 0
            if answer is not None:
                answer.value = value
                answer.there.set()
        if garbage is None:
            why = f"the runner ended with exit code {self._process.wait()}"
        else:
            why = f"the runner wrote what is no answer: {garbage!r}"
        last = self.last_lines()
        with self._lock:
            self._ended = why + (f"; its log ends: {last}" if last else "")
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.there.set()

    def last_lines(self):
        """The end of its log, on one line."""
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as log:
                return " | ".join(
                    line.strip() for line in collections.deque(log, 5))
        except OSError:
            return ""

    def end(self):
        """Asks it to end and tells its exit code; kills it when it does not."""
        if self._process is None:
            return None
        try:
            self.ask("exit", {}, patience=5)
        except NoAnswer:
            pass
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            return self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "none: it was still there 5 s later"
        finally:
            self._kill()

    def _kill(self):
        # What it started belongs to its session.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()


class _Answer:
    def __init__(self):
        self.there = threading.Event()
        self.value = None


def started(runner):
    """What the runner says of itself, once it runs: building may take long."""
    end = time.monotonic() + 300
    ok, error = runner.ask("hello", {}, patience=end - time.monotonic())
    if error is not None:
        raise NoAnswer(f"hello failed: {error}")
    return ok

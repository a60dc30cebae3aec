#!/usr/bin/env python3
"""Tries every client against one server and one simulator, with the same
scenarios for all of them, and prints a table.

usage: tests/conformance/run.py [--client NAME]... [--scenario NAME]...
                                [--list] [--keep-logs]

README.md tells what it needs, and how scenarios are written. Exit code 0: every
client passed every scenario of those that were asked for.
"""

import argparse
import os
import pathlib
import queue
import shlex
import signal
import sys
import threading
import time

# A checkout stays as it is.
sys.dont_write_bytecode = True

import answer
import catalog
import player
import report
import runner
import stack
from meeting import Meeting

ROOT = pathlib.Path(__file__).absolute().parent.parent.parent

# How each client's runner is started, from the root of the checkout; a variable
# such as CONFORMANCE_GO stands in for it. Building is the command's business.
CLIENTS = {
    "go": ["clients/go/conformance/run.sh"],
    "python": ["bash", "-c", 'exec "${WXIDENT_TOOLS_DIR:-.tools}/python/bin/'
               'python" clients/python/conformance/runner.py'],
    "java": ["clients/java/conformance/run.sh"],
    "typescript": ["clients/typescript/conformance/run.sh"],
    "cpp": ["clients/cpp/conformance/runner"],
}

# How many scenarios one client plays at a time.
AT_A_TIME = 6

# Two things that hold of a whole run, after all scenarios.
NO_SECRETS = "no_secret_in_any_log"
ONE_KIND = "one_kind_for_each_reason"
CLEAN_END = "exit_ends_the_runner"
WHOLE_RUN = [ONE_KIND, CLEAN_END, NO_SECRETS]


class Run:
    """All clients at all scenarios."""

    def __init__(self, clients, scenarios, reasons, keep_logs):
        self._clients = clients
        self._scenarios = scenarios
        self._reasons = reasons
        self._keep_logs = keep_logs
        self._secrets = answer.Secrets()
        self._apps = {(client, name): catalog.apps_of(client, scenario)
                      for client in clients
                      for name, scenario in scenarios.items()}
        self._runners = {}
        self._hellos = {}
        self._lost = {}
        self._kinds = {client: {} for client in clients}
        self._lock = threading.Lock()
        self.results = {}
        self.took = {}

    def go(self):
        self._world = stack.Stack(
            ROOT, program("WXIDENTD", "server/wxidentd"),
            program("WECHAT_SIMULATOR", "simulator/wechat-simulator"),
            [app for apps in self._apps.values() for app in apps.values()],
            self._clients)
        try:
            # Runners may have to be built, which takes longest.
            self._start_runners()
            self._world.start()
            note("servers are up")
            self._in_parallel(self._clients, self._greet)
            note("runners are up: " + ", ".join(self._hellos))
            self._play_apart()
            note("scenarios that clients play on their own are done")
            for name, scenario in self._scenarios.items():
                if scenario["play"] != "apart":
                    self._play_with_all(name, scenario)
            self._judge_whole_run()
        finally:
            for each in self._runners.values():
                each.end()
            self._world.stop(self._keep_logs)
            if self._keep_logs:
                note(f"logs are in {self._world.dir}")

    def _start_runners(self):
        environment = stack.clean_environment()
        for client in self._clients:
            given = os.environ.get(f"CONFORMANCE_{client.upper()}")
            self._runners[client] = runner.Runner(
                client, shlex.split(given) if given else CLIENTS[client],
                f"{self._world.dir}/runner-{client}.log", environment, ROOT)

    def _greet(self, client):
        try:
            hello = runner.started(self._runners[client])
            if hello.get("language") != client or not all(
                    isinstance(hello.get(key), str) and hello[key]
                    for key in ("client_version", "grpc_version")):
                raise runner.NoAnswer(f"hello gave {hello}")
            _, error = self._runners[client].ask("open", {
                "name": "main", "insecure": True,
                "address": self._world.servers["A"].address})
            if error is not None:
                raise runner.NoAnswer(f"open failed: {error}")
            # What a runtime has to load and compile is no part of a deadline.
            for _ in range(20):
                _, error = self._runners[client].ask("call", {
                    "client": "main", "method": "ValidateSession",
                    "request": {"session_token": "abc"},
                    "deadline_ms": 10000})
            if error is not None:
                raise runner.NoAnswer(f"the first calls failed: {error}")
            self._hellos[client] = hello
        except runner.NoAnswer as error:
            self._lost[client] = str(error)
            for name in self._scenarios:
                self.results[client, name] = str(error)

    def _in_parallel(self, items, work):
        threads = [threading.Thread(target=work, args=(item,), daemon=True)
                   for item in items]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def _play_apart(self):
        def work(todo):
            while True:
                try:
                    client, name = todo.get_nowait()
                except queue.Empty:
                    return
                self._play(client, name, Meeting(1))
        workers = []
        names = [name for name, scenario in self._scenarios.items()
                 if scenario["play"] == "apart"]
        # Slow ones begin first.
        names.sort(key=lambda name: not self._scenarios[name].get("slow"))
        for client in self._hellos:
            todo = queue.SimpleQueue()
            for name in names:
                todo.put((client, name))
            workers += [todo] * AT_A_TIME
        self._in_parallel(workers, work)

    def _play_with_all(self, name, scenario):
        """One scenario that disturbs what is shared."""
        clients = list(self._hellos)
        if scenario["play"] == "together":
            meeting = Meeting(len(clients))
            self._in_parallel(clients, lambda client: self._play(
                client, name, meeting))
        elif scenario["play"] == "alone":
            # Nothing is shared but the runner itself.
            self._in_parallel(clients, lambda client: self._play(
                client, name, Meeting(1)))
        else:
            for client in clients:
                self._play(client, name, Meeting(1))
        self._world.restore()

    def _play(self, client, name, meeting):
        began = time.monotonic()
        result = None
        try:
            one = player.Player(
                self._world, self._runners[client], self._hellos[client],
                self._scenarios[name], self._apps[client, name],
                self._reasons, self._secrets, meeting)
            one.play()
            with self._lock:
                for reason, kinds in one.kinds.items():
                    self._kinds[client].setdefault(reason, set()).update(kinds)
        except (catalog.Failed, runner.NoAnswer) as error:
            result = str(error)
        except Exception as error:
            result = f"the driver failed: {type(error).__name__}: {error}"
        with self._lock:
            self.results[client, name] = result
            self.took[client, name] = time.monotonic() - began

    def _judge_whole_run(self):
        for client in self._clients:
            if client in self._lost:
                for name in WHOLE_RUN:
                    self.results[client, name] = self._lost[client]
                continue
            self.results[client, ONE_KIND] = self._kinds_problem(client)
            code = self._runners[client].end()
            self.results[client, CLEAN_END] = None if code == 0 else \
                f"wanted exit code 0, got {code}"
            with open(self._runners[client].log_path, encoding="utf-8",
                      errors="replace") as log:
                secret = self._secrets.inside(log.read())
            self.results[client, NO_SECRETS] = secret and \
                f"its stderr holds the secret {secret}"

    def _kinds_problem(self, client):
        owners = {}
        for reason, kinds in self._kinds[client].items():
            if len(kinds) != 1:
                return f"{reason} has several kinds: {sorted(kinds)}"
            owners.setdefault(kinds.pop(), []).append(reason)
        shared = {kind: reasons for kind, reasons in owners.items()
                  if len(reasons) > 1}
        return f"reasons that share a kind: {shared}" if shared else None


def program(variable, runfile):
    """A program that was built: the variable's, or the runfile."""
    path = os.path.abspath(os.environ.get(variable, ROOT / runfile))
    if not os.access(path, os.X_OK):
        sys.exit(f"there is no {path}: build it, or set {variable}")
    return path


BEGAN = time.monotonic()


def note(text):
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {text}", file=sys.stderr,
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--client", action="append", choices=list(CLIENTS))
    parser.add_argument("--scenario", action="append")
    parser.add_argument("--list", action="store_true",
                        help="print the scenarios and what they show")
    parser.add_argument("--keep-logs", action="store_true")
    arguments = parser.parse_args()

    scenarios = catalog.read_all(ROOT)
    reasons = catalog.read_reasons(ROOT)
    missing = catalog.gaps(ROOT, scenarios, reasons)
    if missing:
        sys.exit("\n".join(missing))
    if arguments.list:
        for name, scenario in scenarios.items():
            print(f"{name}: {' '.join(scenario['about'].split())}")
        return 0
    for name in arguments.scenario or []:
        if name not in scenarios:
            sys.exit(f"there is no scenario {name}; --list prints them")
    if arguments.scenario:
        scenarios = {name: scenarios[name] for name in arguments.scenario}
    clients = arguments.client or list(CLIENTS)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    run = Run(clients, scenarios, reasons, arguments.keep_logs)
    run.go()

    names = [*scenarios, *WHOLE_RUN]
    print(report.table(clients, names, run.results))
    failed = report.failures(clients, names, run.results)
    if failed:
        print(f"\n{failed}")
    count = sum(text is not None for text in run.results.values())
    print(f"\n{len(run.results) - count} passed, {count} failed", flush=True)
    if os.environ.get("XML_OUTPUT_FILE"):
        with open(os.environ["XML_OUTPUT_FILE"], "w", encoding="utf-8") as out:
            out.write(report.junit(clients, names, run.results, run.took))
    note("done")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())

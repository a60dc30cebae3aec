#!/usr/bin/env python3
"""Counts test cases from Bazel's build event files and prints what failed.

usage: test_results.py [--check FILE] NAME=EVENTS.json...

FILE is what script/check printed; each of its checks counts as a case.

One file for each `bazel test` that ran. Prints a line for each of them, one for
each failure with what its log says of it, and last "N passed, N failed" alone. A
target that does not build, or that ends badly without a failed case, counts as
one failure. One that Bazel ran again and that passed then is printed too, and
counts as passed unless a sanitizer found something: that is a failure however
seldom it shows. The exit code is 0 only when something passed and nothing
failed.
"""

import json
import re
import sys
import urllib.parse
import xml.etree.ElementTree

PASSED_STATUS = "PASSED"
# Where a log begins to tell what went wrong: gtest, sanitizers, Python, Go.
TROUBLE = re.compile(r"Failure$|ERROR: |SUMMARY: |Traceback|--- FAIL|^FAIL|"
                     r"terminate called|Assertion")
LINES_OF_A_LOG = 12
# What no second attempt makes good.
FINDING = re.compile(r"ERROR: (Address|Leak)Sanitizer|"
                     r"WARNING: ThreadSanitizer|: runtime error: ")


class Run:
    """What one `bazel test` came to."""

    def __init__(self):
        self.passed = 0
        self.targets = 0
        self.failures = []  # (label, what)
        self.logs = {}  # label -> the path of a failed run's log
        self.repeated = []  # (label, a log): failed first, passed then


def output_path(outputs, name):
    for output in outputs:
        if output.get("name") == name:
            return urllib.parse.unquote(
                urllib.parse.urlparse(output["uri"]).path)
    return None


def read_log(path):
    """Its lines that are not empty."""
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            return [line.rstrip() for line in log if line.strip()]
    except (OSError, TypeError):
        return []


def has_finding(path):
    """Whether a sanitizer found something, or there is no log to tell."""
    lines = read_log(path)
    return not lines or any(FINDING.search(line) for line in lines)


def why(path):
    """The lines of a log that tell why its test failed, as far as that shows.
    """
    lines = read_log(path)
    for number, line in enumerate(lines):
        if TROUBLE.search(line):
            return lines[number:number + LINES_OF_A_LOG]
    return lines[-LINES_OF_A_LOG:]


def count_cases(path):
    """(passed, [name of each failed case]) of one test.xml."""
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError, TypeError):
        return 0, []
    passed, failed = 0, []
    for case in root.iter("testcase"):
        name = ".".join(
            part for part in (case.get("classname"), case.get("name")) if part)
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        elif case.find("skipped") is None and case.get("status") != "notrun":
            passed += 1
    return passed, failed


def read_run(lines):
    run = Run()
    results = {}  # (label, run, shard) -> each attempt's event
    broken = {}
    finished = None
    for line in lines:
        event = json.loads(line)
        ident = event.get("id", {})
        if "testResult" in event:
            key = ident["testResult"]
            results.setdefault(
                (key["label"], key.get("run"), key.get("shard")),
                []).append(event["testResult"])
        elif "targetCompleted" in ident:
            label = ident["targetCompleted"]["label"]
            if not event.get("completed", {}).get("success"):
                broken[label] = "does not build"
        elif "aborted" in event:
            what = event["aborted"]
            # What a tag filter leaves out is not an error.
            if what.get("reason") not in ("SKIPPED", "NO_BUILD"):
                for kind in ident.values():
                    if isinstance(kind, dict) and "label" in kind:
                        broken[kind["label"]] = "does not build: " + what.get(
                            "description", what.get("reason", ""))
        elif "finished" in event:
            finished = event["finished"].get("exitCode", {})
    labels = set()
    for (label, _, _), attempts in sorted(results.items(), key=str):
        labels.add(label)
        broken.pop(label, None)
        result = attempts[-1]
        for attempt in attempts[:-1]:
            log = output_path(attempt.get("testActionOutput", []), "test.log")
            if has_finding(log):
                result = attempt
            elif result.get("status") == PASSED_STATUS:
                run.repeated.append((label, log))
        outputs = result.get("testActionOutput", [])
        passed, failed = count_cases(output_path(outputs, "test.xml"))
        good = result.get("status") == PASSED_STATUS
        run.failures += [(label, name) for name in failed]
        if good:
            # A script's test is one case, whatever its file says.
            run.passed += passed if passed or failed else 1
        else:
            run.passed += passed
            run.logs[label] = output_path(outputs, "test.log")
            if not failed:
                run.failures.append((label, result.get("status", "no status")))
    run.targets = len(labels)
    run.failures += sorted(broken.items())
    code = (finished or {}).get("code", 0)
    # 3: a test failed; 4: there were no tests.
    if finished is None:
        run.failures.append(("bazel", "stopped before its end"))
    elif code not in (0, 3, 4) and not run.failures:
        run.failures.append(("bazel", finished.get("name", str(code))))
    return run


def read_check(path):
    """What script/check came to, by its lines "passed: X" and "failed: X"."""
    run = Run()
    for line in read_log(path):
        result, _, name = line.partition(": ")
        if result == "passed":
            run.passed += 1
        elif result == "failed":
            run.failures.append(("script/check", name))
    run.targets = run.passed + len(run.failures)
    if run.targets == 0:
        run.failures.append(("script/check", "stopped before its end"))
    return run


def read_events(path):
    try:
        with open(path, encoding="utf-8") as lines:
            return read_run(lines)
    except (OSError, ValueError):
        run = Run()
        run.failures.append(("bazel", "left no events; see above"))
        return run


def main(arguments):
    passed = failed = 0
    runs = []
    arguments = list(arguments)
    while arguments:
        argument = arguments.pop(0)
        if argument == "--check":
            runs.append(("check", read_check(arguments.pop(0))))
        else:
            name, _, path = argument.partition("=")
            runs.append((name, read_events(path)))
    for name, run in runs:
        passed += run.passed
        failed += len(run.failures)
        print(f"{name}: {run.targets} targets, {run.passed} cases passed, "
              f"{len(run.failures)} failed")
        for label, what in run.failures:
            print(f"  FAILED {label} {what.splitlines()[0]}")
            for line in why(run.logs.pop(label, None)):
                print(f"    | {line}")
        for label, log in run.repeated:
            print(f"  REPEATED {label}")
            for line in why(log):
                print(f"    | {line}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The scenarios: their form, and what of the protocol they try. README.md
describes the steps. `root` is the checkout's, a pathlib.Path."""

import hashlib
import json
import re
import sys

import yaml

import stack

# What a runner does; the other steps are the driver's.
OPS = {"open", "open_env", "close", "call", "token_source", "token_get",
       "token_reject", "token_close", "authenticate"}
# Whose "name" or whose "client" and "source" are a scenario's own.
NAMES = ("name", "client", "source")
_OUTCOME = {"answers", "fails", "save", "takes_ms", "until_s", "times", "some",
            "alike", "request", "client", "deadline_ms", "traceparent"}
OTHERS = {
    "session": {"user", "as", "scope"},
    "sim": {"with", "save"},
    "fault": set(),
    "clear_faults": set(),
    "sql": set(),
    "gate": set(),
    "hold": set(),
    "saw": set(),
    "copy": set(),
    "server": set(),
    "postgres": set(),
    "once": set(),
    "counting": {"is", "do", "until_s"},
    "equal": set(),
    "different": set(),
    "rises": set(),
}


class Failed(Exception):
    """A step went another way than the scenario says."""


def read_all(root):
    """Every scenario by name, in the order of the files."""
    scenarios = {}
    for path in sorted((root / "tests/conformance/scenarios").glob("*.yaml")):
        with open(path, encoding="utf-8") as text:
            read = yaml.safe_load(text)
        for scenario in read:
            where = f"{path.name}: {scenario.get('name')}"
            unknown = set(scenario) - {"name", "about", "play", "slow",
                                       "steps"}
            if unknown or not scenario.get("about") \
                    or not re.fullmatch(r"[a-z0-9_]+", scenario["name"]) \
                    or scenario.setdefault("play", "apart") not in (
                        "apart", "together", "in_turns", "alone"):
                sys.exit(f"{where}: not a scenario's form {sorted(unknown)}")
            if scenario["name"] in scenarios:
                sys.exit(f"{where}: stands twice")
            for step in scenario["steps"]:
                problem = _check_step(step)
                if problem:
                    sys.exit(f"{where}: {problem}")
            scenarios[scenario["name"]] = scenario
    return scenarios


def read_reasons(root):
    """Each ErrorReason and its gRPC code, as the protocol tells them."""
    text = (root / "protos/wxident/v1/error_reason.proto").read_text("utf-8")
    return dict(re.findall(
        r"ERROR_REASON_(\w+) = \d+ \[\(reason_rules\) = \{\s+code: CODE_(\w+)",
        text))


def _read_rpcs(root):
    """The unary methods of IdentityService."""
    path = root / "protos/wxident/v1/identity_service.proto"
    text = path.read_text("utf-8")
    service = text[text.index("service IdentityService"):]
    service = service[:service.index("\n}")]
    return re.findall(r"rpc (\w+)\(\w+\)\s+returns \((?!stream)", service)


def gaps(root, scenarios, reasons):
    """What the protocol has and no scenario tries."""
    failing, answering = set(), set()

    def look(steps):
        for step in steps:
            wanted = step.get("fails")
            if wanted is not None:
                failing.add(wanted if isinstance(wanted, str)
                            else wanted.get("reason", ""))
            elif "call" in step and "answers" in step:
                answering.add(step["call"])
            for inner in ("do", "once"):
                look(step.get(inner, []))
    for scenario in scenarios.values():
        look(scenario["steps"])
    missing = [f"no scenario fails with {reason}"
               for reason in reasons if reason not in failing]
    missing += [f"no scenario shows what {rpc} answers"
                for rpc in _read_rpcs(root) if rpc not in answering]
    missing += [f"{reason} is no reason"
                for reason in failing - set(reasons) - {""}]
    return missing


def _check_step(step):
    """What is wrong with the form of a step, or None."""
    if not isinstance(step, dict):
        return f"{step!r} is no step"
    verbs = [key for key in step if key in OPS or key in OTHERS]
    if "call" in verbs:
        verbs = ["call"]
    if len(verbs) != 1:
        return f"{list(step)} has not one verb"
    known = _OUTCOME if verbs[0] in OPS else OTHERS[verbs[0]]
    unknown = set(step) - known - {verbs[0]}
    if unknown:
        return f"{verbs[0]} has no {sorted(unknown)}"
    inner = step.get("do", []) + (step["once"] if verbs[0] == "once" else [])
    return next(filter(None, map(_check_step, inner)), None)


def apps_of(client, scenario):
    """The apps that a scenario speaks of, for one client alone."""
    text = json.dumps(scenario["steps"])

    def app_id(name):
        whose = f"{client} {scenario['name']} {name}"
        return "wx" + hashlib.sha256(whose.encode()).hexdigest()[:16]
    return {
        name: stack.App(app_id(name), name, f"{client}-{scenario['name']}")
        for name in stack.KINDS
        if re.search(rf"\$\{{{name}\}}|\"session\": \"{name}\"", text)
    }

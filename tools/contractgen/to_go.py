"""For the Go client: sentinels, deadlines, retries, codes."""

import json
import re

from service_config import service_config
from text import NOTICE, file, said, wrap

TERMS = {
    "google.rpc.RetryInfo": "[Error.RetryAfter]",
    "google.rpc.BadRequest": "[Error.Violations]",
}
# Go's way to write these.
NAMES = {"Api": "API", "Oauth": "OAuth", "Wechat": "WeChat"}


def files(contract):
    yield "clients/go/sentinels.go", _sentinels(contract)
    yield "clients/go/internal/contract/contract.go", _contract(contract)


def sentinel(reason):
    """Such as ErrWeChatBusy."""
    words = re.findall("[A-Z][a-z]*", reason.pascal)
    return "Err" + "".join(NAMES.get(word, word) for word in words)


def _what(reason):
    """What happened as the end of an error's text: the first clause."""
    clause = re.split(r"[.;:] |\.$", reason.meaning_en, maxsplit=1)[0]
    if re.match(r"[A-Z][a-z]*\b(?![A-Z])", clause):
        clause = clause[0].lower() + clause[1:]
    return clause


def _sentinels(contract):
    lines = []
    for reason in contract.reasons:
        name = sentinel(reason)
        if lines:
            lines.append("")
        lines += wrap(
            f"{name} comes with {reason.code}."
            f" {said(f'{reason.meaning_en} {reason.advice_en}', TERMS)}",
            "\t// ",
            78,
        )
        lines += [
            f"\t{name} = sentinel(wxidentv1.ErrorReason_ERROR_REASON_{reason.name},"
            f' "{name}",',
            f"\t\t{json.dumps(_what(reason))})",
        ]
    return file(
        f"// {NOTICE}",
        "",
        "package wxident",
        "",
        'import wxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"',
        "",
        "// One sentinel for each reason of an error: errors.Is(err, ErrUserNotFound).",
        "//",
        "// Each comment says when the reason comes and what to do then.",
        "var (",
        *lines,
        ")",
    )


def _contract(contract):
    deadlines = []
    for method in contract.client_calls:
        for kind, ms in (
            ("Deadline", method.default_ms),
            ("Longest", method.longest_ms),
        ):
            deadlines.append((f"{method.name}{kind}", f"{ms} * time.Millisecond"))
    width = max(len(name) for name, _ in deadlines)
    cases = []
    for code in dict.fromkeys(reason.code for reason in contract.reasons):
        names = [
            f"wxidentv1.ErrorReason_ERROR_REASON_{reason.name}"
            for reason in contract.reasons
            if reason.code == code
        ]
        cases += [
            "\tcase " + ",\n\t\t".join(names) + ":",
            "\t\treturn codes."
            + "".join(part.capitalize() for part in code.split("_")),
        ]
    config = json.dumps(service_config(contract), indent=2)
    return file(
        f"// {NOTICE}",
        "",
        "// Package contract has the rules of methods and error reasons.",
        "package contract",
        "",
        "import (",
        '\t"time"',
        "",
        '\t"google.golang.org/grpc/codes"',
        "",
        '\twxidentv1 "github.com/wxident/wxident/clients/go/wxident/v1"',
        ")",
        "",
        "// How long each call may take when nobody says otherwise, and the most that",
        "// the server allows.",
        "const (",
        *(f"\t{name:{width}} = {value}" for name, value in deadlines),
        ")",
        "",
        "// ServiceConfig is what gRPC does by itself: balancing over healthy servers,",
        "// and retries. Where a call must not be sent again, the server says so with",
        "// grpc-retry-pushback-ms.",
        f"const ServiceConfig = `{config}`",
        "",
        "// CodeOf is the status code that always comes with a reason.",
        "func CodeOf(reason wxidentv1.ErrorReason) codes.Code {",
        "\tswitch reason {",
        *cases,
        "\t}",
        "\treturn codes.Unknown",
        "}",
    )

"""For the Python client: the enum Reason, exceptions, deadlines, retries."""

import json

from service_config import service_config
from text import NOTICE, file, said, wrap

TERMS = {
    "as long as google.rpc.RetryInfo says": "for `retry_after`",
    "google.rpc.BadRequest": "`violations`",
}
FOLDER = "clients/python/src/wxident"


def files(contract):
    yield f"{FOLDER}/_contract.py", _contract(contract)
    yield f"{FOLDER}/_error_classes.py", _classes(contract)


def _contract(contract):
    def times(field):
        return [
            f'    "{method.snake}": {getattr(method, field) / 1000},'
            for method in contract.client_calls
        ]

    return file(
        '"""The rules of methods and error reasons.',
        "",
        NOTICE,
        '"""',
        "",
        "import enum",
        "",
        "import grpc",
        "",
        "",
        "class Reason(enum.Enum):",
        '    """Why a call failed; the value is the name that goes over the wire."""',
        "",
        '    UNSPECIFIED = ""',
        '    """The answer tells no reason of wxident\'s: the call did not get so far, or',
        '    the server is newer than this client."""',
        "",
        *(f'    {reason.name} = "{reason.name}"' for reason in contract.reasons),
        "",
        "",
        "CODES = {",
        *(
            f"    Reason.{reason.name}: grpc.StatusCode.{reason.code},"
            for reason in contract.reasons
        ),
        "}",
        '"""The status code of each reason."""',
        "",
        "TIMEOUTS = {",
        *times("default_ms"),
        "}",
        '"""Seconds that each method waits by default."""',
        "",
        "LONGEST_TIMEOUTS = {",
        *times("longest_ms"),
        "}",
        '"""The most that the server allows, in seconds."""',
        "",
        'SERVICE_CONFIG = """',
        json.dumps(service_config(contract), indent=2),
        '"""',
        '"""Balancing, health and retries; the server\'s push-back is gRPC\'s to obey."""',
    )


def _classes(contract):
    lines = []
    for reason in contract.reasons:
        text = said(f"{reason.meaning_en} {reason.advice_en}", TERMS)
        doc = wrap(f"{reason.code}. {text}", "    ", first='    """')
        if len(doc) == 1 and len(doc[0]) <= 77:
            doc[0] += '"""'
        else:
            doc.append('    """')
        lines += ["", "", f"class {reason.pascal}(WxidentError):", *doc]
    names = sorted(reason.pascal for reason in contract.reasons)
    return file(
        '"""One exception for each error reason.',
        "",
        NOTICE,
        '"""',
        "",
        "from wxident._error import WxidentError",
        "",
        "__all__ = [",
        *(f'    "{name}",' for name in names),
        "]",
        *lines,
        "",
        "",
        "CLASSES: dict[str, type[WxidentError]] = {",
        *(f'    "{reason.name}": {reason.pascal},' for reason in contract.reasons),
        "}",
    )

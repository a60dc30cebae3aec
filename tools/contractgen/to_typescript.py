"""For the TypeScript client: error classes, deadlines, retries, codes."""

from service_config import service_config
from text import NOTICE, file, said, wrap

TERMS = {
    "google.rpc.RetryInfo": "`retryAfterMs`",
    "google.rpc.BadRequest": "`violations`",
}


def files(contract):
    yield "clients/typescript/src/reasons.ts", _reasons(contract)
    yield "clients/typescript/src/contract.ts", _contract(contract)


def _reasons(contract):
    lines = []
    for reason in contract.reasons:
        text = said(f"{reason.meaning_en} {reason.advice_en}", TERMS)
        lines += [
            "",
            "/**",
            *wrap(f"`{reason.name}` ({reason.code}). {text}", " * "),
            " */",
            f"export class {reason.pascal}Error extends WxidentError {{}}",
        ]
    return file(
        f"// {NOTICE}",
        "import { WxidentError, type WxidentErrorInit } from './errors.js';",
        *lines,
        "",
        "const classes = {",
        *(f"  {reason.name}: {reason.pascal}Error," for reason in contract.reasons),
        "} as const;",
        "",
        "/** Why a call failed: `ErrorReason` of the .proto files, without its prefix. */",
        "export type ErrorReason = keyof typeof classes;",
        "",
        "/** Each reason's class. */",
        "export const errorClasses: Readonly<",
        "  Record<",
        "    ErrorReason,",
        "    new (message: string, init: WxidentErrorInit) => WxidentError",
        "  >",
        "> = classes;",
    )


def _contract(contract):
    def times(field):
        return [
            f"  {method.name[0].lower()}{method.name[1:]}:"
            f" {getattr(method, field):_},"
            for method in contract.client_calls
        ]

    return file(
        f"// {NOTICE}",
        "import { status } from '@grpc/grpc-js';",
        "import type { ErrorReason } from './reasons.js';",
        "",
        "/** How long each call may take, in ms, when nobody says otherwise. */",
        "export const defaultTimeouts = {",
        *times("default_ms"),
        "};",
        "",
        "/** The most that the server allows, in ms. */",
        "export const longestTimeouts = {",
        *times("longest_ms"),
        "};",
        "",
        "/** The status code that always comes with a reason. */",
        "export const codes: Readonly<Record<ErrorReason, status>> = {",
        *(f"  {reason.name}: status.{reason.code}," for reason in contract.reasons),
        "};",
        "",
        "/**",
        " * What gRPC does by itself: balancing, and retries. Where a call must not be",
        " * sent again, the server says so with grpc-retry-pushback-ms.",
        " */",
        # grpc-js makes no health checks of its own.
        f"export const serviceConfig = {_value(service_config(contract, False), '')};",
    )


def _value(value, indent):
    """A JSON value as prettier writes it in TypeScript."""
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{key}: {_value(item, inner)}" for key, item in value.items()]
        one = "{ " + ", ".join(parts) + " }" if parts else "{}"
        opening, closing = "{", "}"
    elif isinstance(value, list):
        parts = [_value(item, inner) for item in value]
        one = "[" + ", ".join(parts) + "]"
        opening, closing = "[", "]"
    elif isinstance(value, str):
        return f"'{value}'"
    else:
        return f"{value}"
    if "\n" not in one and len(indent) + len(one) <= 70:
        return one
    return opening + "".join(f"\n{inner}{part}," for part in parts) + f"\n{indent}{closing}"

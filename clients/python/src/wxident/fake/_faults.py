"""How the fake's calls fail: as the server's do."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

import grpc
from google.rpc import error_details_pb2, status_pb2

from wxident._contract import CODES
from wxident.errors import Reason

# After these WeChat may have taken what works once.
MAYBE_TAKEN = {
    Reason.WECHAT_BUSY,
    Reason.WECHAT_BAD_RESPONSE,
    Reason.OUTCOME_UNKNOWN,
    Reason.WECHAT_RATE_LIMITED,
}


@dataclass
class Fault(Exception):
    """A call that fails."""

    reason: Reason
    message: str
    errcode: str | None = None
    retry_after: timedelta | None = None
    violations: tuple[tuple[str, str], ...] = ()
    times: int = 1


def reason_of(reason: Reason | str) -> Reason:
    """A reason, or its name, that an answer may have."""
    found = Reason(reason) if isinstance(reason, str) else reason
    if found not in CODES:
        raise ValueError("no answer has the reason UNSPECIFIED")
    return found


def invalid(path: str, what: str) -> Fault:
    """REQUEST_INVALID of one field."""
    return Fault(Reason.REQUEST_INVALID, f"{path} {what}", violations=((path, what),))


def abort(context: grpc.ServicerContext, fault: Fault, spends: bool) -> NoReturn:
    """Ends a call as the server would; spends: the request holds something that
    works once."""
    code = CODES[fault.reason]
    status = status_pb2.Status(code=code.value[0], message=fault.message)
    info = error_details_pb2.ErrorInfo(reason=fault.reason.value, domain="wxident")
    if fault.errcode is not None:
        info.metadata["errcode"] = fault.errcode
    status.details.add().Pack(info)
    if fault.violations:
        bad_request = error_details_pb2.BadRequest()
        for path, what in fault.violations:
            bad_request.field_violations.add(field=path, description=what)
        status.details.add().Pack(bad_request)
    trailers: list[tuple[str, str | bytes]] = [
        ("wxident-request-id", secrets.token_hex(8))
    ]
    push_back: int | None = None
    if fault.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(fault.retry_after)
        status.details.add().Pack(retry)
        if code in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        ):
            wait = fault.retry_after.total_seconds()
            left = context.time_remaining()
            push_back = -1 if left is not None and wait > left else int(wait * 1000)
    if spends and fault.reason in MAYBE_TAKEN:
        push_back = -1
    if push_back is not None:
        trailers.append(("grpc-retry-pushback-ms", str(push_back)))
    trailers.append(("grpc-status-details-bin", status.SerializeToString()))
    context.set_trailing_metadata(tuple(trailers))
    context.abort(code, fault.message)
    raise AssertionError("abort does not return")

"""What can go wrong: one class for each reason, all under WxidentError.

    try:
        answer = client.login(app_id, mini_program_code=code)
    except wxident.LoginCodeInvalid:
        ...  # have the mini program call wx.login again

The reasons are those of wxident/v1/error_reason.proto. Messages never hold a
token, a code or a phone number.
"""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from wxident._contract import Reason
from wxident._error import ConfigError, FieldViolation, WxidentError
from wxident._error_classes import *  # noqa: F403
from wxident._error_classes import CLASSES as _CLASSES
from wxident._error_classes import __all__ as _classes

__all__ = ["ConfigError", "FieldViolation", "Reason", "WxidentError"]
__all__ += _classes

# Their home for whoever sees them in a traceback.
for _class in (ConfigError, FieldViolation, WxidentError, *_CLASSES.values()):
    _class.__module__ = __name__

_ADVICE = {
    grpc.StatusCode.UNAVAILABLE: (
        "no server answered; check the address and the TLS files, or try again"
    ),
    grpc.StatusCode.DEADLINE_EXCEEDED: (
        "no answer came in time; try again, or give the call a longer timeout"
    ),
    grpc.StatusCode.UNIMPLEMENTED: (
        "the server does not know this call; it is older than this client, or"
        " no wxident"
    ),
    grpc.StatusCode.UNAUTHENTICATED: (
        "the server does not know this service; check the client certificate"
    ),
    grpc.StatusCode.PERMISSION_DENIED: (
        "the server does not let this service make the call; ask its operator"
    ),
    grpc.StatusCode.CANCELLED: "the call was cancelled; make a new one",
}


def from_status(
    method: str,
    code: grpc.StatusCode,
    details: str | None,
    trailers: Iterable[tuple[str, str | bytes]] | None,
) -> WxidentError:
    """The error for a gRPC status, with what its details carry."""
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    has_info = has_retry = False
    request_id = ""
    for key, value in trailers or ():
        if key == "wxident-request-id" and isinstance(value, str):
            request_id = value
        if key != "grpc-status-details-bin" or not isinstance(value, bytes):
            continue
        try:
            status = status_pb2.Status.FromString(value)
            for detail in status.details:
                if detail.Is(info.DESCRIPTOR):
                    found = error_details_pb2.ErrorInfo()
                    detail.Unpack(found)
                    if found.domain == "wxident":
                        info, has_info = found, True
                elif detail.Is(bad_request.DESCRIPTOR):
                    detail.Unpack(bad_request)
                elif detail.Is(retry.DESCRIPTOR):
                    has_retry = detail.Unpack(retry)
        except DecodeError:
            continue
    if has_info:
        cls = _CLASSES.get(info.reason, WxidentError)
        message = details or ""
    else:
        cls = WxidentError
        advice = _ADVICE.get(code)
        message = f"{method}: {details}" if details else method
        if advice:
            message += f" ({advice})"
    return cls(
        message,
        code,
        reason_name=info.reason if has_info else "",
        metadata=dict(info.metadata),
        violations=[
            FieldViolation(violation.field, violation.description)
            for violation in bad_request.field_violations
        ],
        retry_after=retry.retry_delay.ToTimedelta() if has_retry else None,
        request_id=request_id,
    )


def deadline_passed(method: str) -> WxidentError:
    """The error for a wait that this client ended itself."""
    return from_status(
        method, grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", None
    )


def closed(what: str) -> WxidentError:
    """The error for the use of something that has been closed."""
    return WxidentError(
        f"the {what} is closed; make a new one", grpc.StatusCode.CANCELLED
    )

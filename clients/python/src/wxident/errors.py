"""What can go wrong: one class for each reason, all under WxidentError.

    try:
        answer = client.login(app_id, mini_program_code=code)
    except wxident.LoginCodeInvalid:
        ...  # have the mini program call wx.login again

The reasons are those of wxident/v1/error_reason.proto. Messages never hold a
token, a code or a phone number.
"""

from __future__ import annotations

import copy
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

__all__ = [
    "ApiUnauthorized",
    "AppMisconfigured",
    "AppUnknown",
    "AuditUnavailable",
    "CallerNotAllowed",
    "CallerRateLimited",
    "CallerUnauthenticated",
    "ConfigError",
    "DeadlinePassed",
    "DecryptRejected",
    "FieldViolation",
    "InternalFault",
    "KeyUnavailable",
    "LoginCodeConsumed",
    "LoginCodeInvalid",
    "OauthGrantExpired",
    "OauthScopeInsufficient",
    "OutcomeUnknown",
    "Overloaded",
    "ProfileNotFound",
    "Reason",
    "RequestInvalid",
    "SessionKeyStale",
    "SessionNotActive",
    "SessionRateLimited",
    "SnapshotUser",
    "StoreUnavailable",
    "Tampered",
    "TokenBudgetExhausted",
    "UserBlocked",
    "UserNotFound",
    "WechatBadResponse",
    "WechatBusy",
    "WechatErrcodeUnknown",
    "WechatRateLimited",
    "WechatRequestRejected",
    "WechatUnreachable",
    "WxidentError",
]


class Reason(enum.Enum):
    """Why a call failed; the value is the name that goes over the wire."""

    UNSPECIFIED = ""
    """The answer tells no reason of wxident's: the call did not get so far, or
    the server is newer than this client."""

    REQUEST_INVALID = "REQUEST_INVALID"
    APP_UNKNOWN = "APP_UNKNOWN"
    DECRYPT_REJECTED = "DECRYPT_REJECTED"
    LOGIN_CODE_INVALID = "LOGIN_CODE_INVALID"
    LOGIN_CODE_CONSUMED = "LOGIN_CODE_CONSUMED"
    SESSION_NOT_ACTIVE = "SESSION_NOT_ACTIVE"
    SESSION_KEY_STALE = "SESSION_KEY_STALE"
    SNAPSHOT_USER = "SNAPSHOT_USER"
    OAUTH_GRANT_EXPIRED = "OAUTH_GRANT_EXPIRED"
    OAUTH_SCOPE_INSUFFICIENT = "OAUTH_SCOPE_INSUFFICIENT"
    APP_MISCONFIGURED = "APP_MISCONFIGURED"
    USER_BLOCKED = "USER_BLOCKED"
    API_UNAUTHORIZED = "API_UNAUTHORIZED"
    CALLER_NOT_ALLOWED = "CALLER_NOT_ALLOWED"
    CALLER_UNAUTHENTICATED = "CALLER_UNAUTHENTICATED"
    USER_NOT_FOUND = "USER_NOT_FOUND"
    PROFILE_NOT_FOUND = "PROFILE_NOT_FOUND"
    WECHAT_RATE_LIMITED = "WECHAT_RATE_LIMITED"
    TOKEN_BUDGET_EXHAUSTED = "TOKEN_BUDGET_EXHAUSTED"
    OVERLOADED = "OVERLOADED"
    CALLER_RATE_LIMITED = "CALLER_RATE_LIMITED"
    SESSION_RATE_LIMITED = "SESSION_RATE_LIMITED"
    WECHAT_BUSY = "WECHAT_BUSY"
    WECHAT_UNREACHABLE = "WECHAT_UNREACHABLE"
    WECHAT_BAD_RESPONSE = "WECHAT_BAD_RESPONSE"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    AUDIT_UNAVAILABLE = "AUDIT_UNAVAILABLE"
    DEADLINE_PASSED = "DEADLINE_PASSED"
    KEY_UNAVAILABLE = "KEY_UNAVAILABLE"
    TAMPERED = "TAMPERED"
    WECHAT_REQUEST_REJECTED = "WECHAT_REQUEST_REJECTED"
    INTERNAL_FAULT = "INTERNAL_FAULT"
    WECHAT_ERRCODE_UNKNOWN = "WECHAT_ERRCODE_UNKNOWN"


@dataclass(frozen=True)
class FieldViolation:
    """A field of the request that is missing or malformed."""

    field: str
    """The field's path, such as "identity_refs[3].openid"."""

    description: str
    """What is wrong with it."""


class WxidentError(Exception):
    """A call that failed. `except` it for all reasons, a subclass for one."""

    reason: Reason
    """Why; UNSPECIFIED when the answer tells no reason that this client knows."""

    reason_name: str
    """The reason as the server wrote it, also one that this client does not know;
    empty when there was none."""

    code: grpc.StatusCode
    """The status code of gRPC."""

    message: str
    """What happened, and what to do next."""

    metadata: Mapping[str, str]
    """Where WeChat answered: "errcode" and "rid"."""

    violations: tuple[FieldViolation, ...]
    """Which fields of the request are wrong."""

    retry_after: timedelta | None
    """How long to wait before the next try, if the server said so."""

    request_id: str
    """What the server's logs call this call, for a question to its operator;
    empty when no server answered."""

    def __init__(
        self,
        message: str,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        *,
        reason_name: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Iterable[FieldViolation] = (),
        retry_after: timedelta | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason_name = reason_name
        self.reason = _REASONS.get(reason_name, Reason.UNSPECIFIED)
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.request_id = request_id

    def __str__(self) -> str:
        name = self.reason_name or self.code.name
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{name}: {self.message}{request}"

    def again(self) -> WxidentError:
        """A copy, to be raised to each of those who shared a call."""
        return copy.copy(self)

    def __reduce__(
        self,
    ) -> tuple[type[WxidentError], tuple[str], dict[str, object]]:
        # Pickles and copies like any other exception.
        return type(self), (self.message,), self.__dict__


_REASONS = {reason.value: reason for reason in Reason if reason.value}


class ConfigError(WxidentError, ValueError):
    """The client cannot be made from these options; nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, grpc.StatusCode.INVALID_ARGUMENT)


class RequestInvalid(WxidentError):
    """INVALID_ARGUMENT. A field is missing or malformed; `violations` names it.
    Mend the request; sending it again cannot help.
    """


class AppUnknown(WxidentError):
    """INVALID_ARGUMENT. The server is not configured with this app_id. Check
    the id, or add the app to the server's configuration.
    """


class DecryptRejected(WxidentError):
    """INVALID_ARGUMENT. Encrypted data did not open, or what it held was not
    what WeChat makes for this app. The same answer covers every cause. Log
    in again (wx.login first), then ask WeChat for the data again.
    """


class LoginCodeInvalid(WxidentError):
    """FAILED_PRECONDITION. WeChat does not know this code: it is mistyped,
    older than 5 minutes, or of another app. Get a new code with wx.login.
    """


class LoginCodeConsumed(WxidentError):
    """FAILED_PRECONDITION. The code has been used, or was sent to WeChat and
    its answer was lost; a code works once. Get a new code with wx.login.
    """


class SessionNotActive(WxidentError):
    """FAILED_PRECONDITION. The session token is unknown, expired or revoked.
    Log in again.
    """


class SessionKeyStale(WxidentError):
    """FAILED_PRECONDITION. No session_key that could open the data is kept. Log
    in again (wx.login first), then ask WeChat for the data again.
    """


class SnapshotUser(WxidentError):
    """FAILED_PRECONDITION. WeChat shows this person a snapshot page with
    made-up ids; nothing was stored. Ask the person to open the full page and
    log in there.
    """


class OauthGrantExpired(WxidentError):
    """FAILED_PRECONDITION. The person's web authorisation is missing, expired
    or withdrawn. Send the person through GetAuthorizeUrl again.
    """


class OauthScopeInsufficient(WxidentError):
    """FAILED_PRECONDITION. The person authorised snsapi_base only, which gives
    no profile. Send the person through GetAuthorizeUrl with snsapi_userinfo.
    """


class AppMisconfigured(WxidentError):
    """FAILED_PRECONDITION. WeChat refuses the app's own settings: app secret,
    IP list, binding. Callers cannot mend it; tell the operator the errcode.
    """


class UserBlocked(WxidentError):
    """PERMISSION_DENIED. WeChat has blocked, frozen or flagged this user. Do
    not retry.
    """


class ApiUnauthorized(WxidentError):
    """PERMISSION_DENIED. The app's account may not use this WeChat API. Tell
    the operator the errcode.
    """


class CallerNotAllowed(WxidentError):
    """PERMISSION_DENIED. The server's policy does not let this service call the
    method, or not for this app. Ask the server's operator for a row.
    """


class CallerUnauthenticated(WxidentError):
    """UNAUTHENTICATED. This service has not proved who it is: its client
    certificate names no single URI, or is revoked. Get a new certificate.
    """


class UserNotFound(WxidentError):
    """NOT_FOUND. No user has this user_id, identity or unionid."""


class ProfileNotFound(WxidentError):
    """NOT_FOUND. The identity is known, but no profile has been stored for it."""


class WechatRateLimited(WxidentError):
    """RESOURCE_EXHAUSTED. WeChat limits calls of this app. Wait for
    `retry_after`.
    """


class TokenBudgetExhausted(WxidentError):
    """RESOURCE_EXHAUSTED. The app's budget of access_token fetches is used up.
    Wait for `retry_after`.
    """


class Overloaded(WxidentError):
    """RESOURCE_EXHAUSTED. This server has more work waiting than it accepts.
    Wait for `retry_after`, or try another replica.
    """


class CallerRateLimited(WxidentError):
    """RESOURCE_EXHAUSTED. This service exceeds the rate, or the number of calls at
    once, that the server's policy gives it. Wait for `retry_after`.
    """


class SessionRateLimited(WxidentError):
    """RESOURCE_EXHAUSTED. Too much encrypted data of this session was refused
    within a minute. Wait for `retry_after`.
    """


class WechatBusy(WxidentError):
    """UNAVAILABLE. WeChat says that it is busy. Retry; a login needs a new
    code.
    """


class WechatUnreachable(WxidentError):
    """UNAVAILABLE. No connection to WeChat could be made, and nothing was sent.
    Retry, with the same code if it is a login.
    """


class WechatBadResponse(WxidentError):
    """UNAVAILABLE. WeChat's answer could not be understood. Retry; a login
    needs a new code.
    """


class StoreUnavailable(WxidentError):
    """UNAVAILABLE. The database could not be asked. Retry, with the same code
    if it is a login: an exchange that WeChat has answered is remembered.
    """


class OutcomeUnknown(WxidentError):
    """UNAVAILABLE. The request left for WeChat and no answer came back, so
    whether it took effect is not known. Retry; a login needs a new code.
    """


class AuditUnavailable(WxidentError):
    """UNAVAILABLE. The server's audit log cannot be written, and nothing secret
    leaves without its line. Retry, or tell the operator.
    """


class DeadlinePassed(WxidentError):
    """DEADLINE_EXCEEDED. The caller's deadline passed, or too little of it was
    left to begin.
    """


class KeyUnavailable(WxidentError):
    """DATA_LOSS. A stored value was encrypted under a key that is not in the
    key ring. Tell the operator the key id.
    """


class Tampered(WxidentError):
    """DATA_LOSS. A stored value does not open: it was changed or moved. Tell
    the operator.
    """


class WechatRequestRejected(WxidentError):
    """INTERNAL. WeChat refused the form of our request: a defect of this
    server. Report it with the errcode and rid.
    """


class InternalFault(WxidentError):
    """INTERNAL. Something that must not happen happened. Report it."""


class WechatErrcodeUnknown(WxidentError):
    """UNKNOWN. WeChat answered with an errcode that this server does not know.
    Do not retry; the errcode is in the metadata.
    """


_CLASSES: dict[str, type[WxidentError]] = {
    "REQUEST_INVALID": RequestInvalid,
    "APP_UNKNOWN": AppUnknown,
    "DECRYPT_REJECTED": DecryptRejected,
    "LOGIN_CODE_INVALID": LoginCodeInvalid,
    "LOGIN_CODE_CONSUMED": LoginCodeConsumed,
    "SESSION_NOT_ACTIVE": SessionNotActive,
    "SESSION_KEY_STALE": SessionKeyStale,
    "SNAPSHOT_USER": SnapshotUser,
    "OAUTH_GRANT_EXPIRED": OauthGrantExpired,
    "OAUTH_SCOPE_INSUFFICIENT": OauthScopeInsufficient,
    "APP_MISCONFIGURED": AppMisconfigured,
    "USER_BLOCKED": UserBlocked,
    "API_UNAUTHORIZED": ApiUnauthorized,
    "CALLER_NOT_ALLOWED": CallerNotAllowed,
    "CALLER_UNAUTHENTICATED": CallerUnauthenticated,
    "USER_NOT_FOUND": UserNotFound,
    "PROFILE_NOT_FOUND": ProfileNotFound,
    "WECHAT_RATE_LIMITED": WechatRateLimited,
    "TOKEN_BUDGET_EXHAUSTED": TokenBudgetExhausted,
    "OVERLOADED": Overloaded,
    "CALLER_RATE_LIMITED": CallerRateLimited,
    "SESSION_RATE_LIMITED": SessionRateLimited,
    "WECHAT_BUSY": WechatBusy,
    "WECHAT_UNREACHABLE": WechatUnreachable,
    "WECHAT_BAD_RESPONSE": WechatBadResponse,
    "STORE_UNAVAILABLE": StoreUnavailable,
    "OUTCOME_UNKNOWN": OutcomeUnknown,
    "AUDIT_UNAVAILABLE": AuditUnavailable,
    "DEADLINE_PASSED": DeadlinePassed,
    "KEY_UNAVAILABLE": KeyUnavailable,
    "TAMPERED": Tampered,
    "WECHAT_REQUEST_REJECTED": WechatRequestRejected,
    "INTERNAL_FAULT": InternalFault,
    "WECHAT_ERRCODE_UNKNOWN": WechatErrcodeUnknown,
}

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

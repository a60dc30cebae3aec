"""What every exception of a failed call has."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import grpc

from wxident._contract import Reason

_REASONS = {reason.value: reason for reason in Reason if reason.value}


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


class ConfigError(WxidentError, ValueError):
    """The client cannot be made from these options; nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, grpc.StatusCode.INVALID_ARGUMENT)

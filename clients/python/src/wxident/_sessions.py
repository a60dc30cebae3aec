"""What both session authenticators share: reading the request, remembering
answers, refusing."""

from __future__ import annotations

import hashlib
import math
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import grpc

from wxident.errors import WxidentError
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types

CACHE_SECONDS = 1.0
CACHE_ENTRIES = 10_000

# What RFC 6750 calls b64token, as long as the server takes it.
_TOKEN = re.compile(r"(?=.{1,512}\Z)[A-Za-z0-9\-._~+/]+=*")

_current: ContextVar[types.Session | None] = ContextVar("wxident_session", default=None)


def current_session() -> types.Session | None:
    """The session of the request being handled, as an authenticator found it:
    `user` and `identity`. None outside of a request, and for one that passed
    without a token."""
    return _current.get()


@dataclass(frozen=True)
class Options:
    """How an authenticator was made."""

    strong: bool
    cookie: str | None
    allow_anonymous: bool


@dataclass(frozen=True)
class Refusal:
    """Why a request does not pass. Not `unavailable`: it has no good token."""

    message: str
    unavailable: bool = False
    retry_after: int = 1

    @property
    def status(self) -> int:
        """The HTTP status."""
        return 503 if self.unavailable else 401

    @property
    def reason(self) -> str:
        """The HTTP status line's words."""
        return "Service Unavailable" if self.unavailable else "Unauthorized"

    @property
    def code(self) -> grpc.StatusCode:
        """The gRPC status."""
        if self.unavailable:
            return grpc.StatusCode.UNAVAILABLE
        return grpc.StatusCode.UNAUTHENTICATED

    @property
    def body(self) -> bytes:
        """The HTTP body."""
        return self.message.encode() + b"\n"

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The HTTP headers."""
        return [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(self.body))),
            ("cache-control", "no-store"),
            (
                ("retry-after", str(self.retry_after))
                if self.unavailable
                else ("www-authenticate", "Bearer")
            ),
        ]


NO_TOKEN = Refusal("send a session token: Authorization: Bearer <token>")
NOT_ACTIVE = Refusal("the session token is not active; log in again")


def could_not_ask(error: WxidentError) -> Refusal:
    """For a request whose token could not be checked."""
    wait = 1
    if error.retry_after is not None:
        wait = max(1, math.ceil(error.retry_after.total_seconds()))
    return Refusal("sessions cannot be checked at the moment; try again", True, wait)


def is_token(text: str) -> bool:
    """Whether it could be a session token at all."""
    return _TOKEN.fullmatch(text) is not None


def token_in(
    options: Options, authorization: Sequence[str], cookies: Iterable[str] = ()
) -> str | Refusal | None:
    """The token of a request, from the values of its headers of that name. None:
    it has none and may pass without."""
    if len(authorization) > 1:
        return NO_TOKEN
    if authorization:
        scheme, _, rest = authorization[0].strip().partition(" ")
        if scheme.lower() == "bearer":
            return rest.strip()
    if options.cookie is not None:
        for header in cookies:
            # Not http.cookies: one odd cookie would hide all others.
            for pair in header.split(";"):
                name, equals, value = pair.strip().partition("=")
                if equals and name == options.cookie:
                    return value.strip('"')
    return None if options.allow_anonymous else NO_TOKEN


def session_of(answer: pb.ValidateSessionResponse) -> types.Session | None:
    """The session of an answer; None when it is not active."""
    return copied(answer.session) if answer.active else None


def copied(session: types.Session) -> types.Session:
    """One of its own for each request, for it can be written to."""
    copy = types.Session()
    copy.CopyFrom(session)
    return copy


def digest(token: str) -> bytes:
    """What a token is remembered by."""
    return hashlib.sha256(token.encode()).digest()


class Cache:
    """Sessions that were found active less than a second ago."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, tuple[float, types.Session]] = OrderedDict()

    def get(self, key: bytes) -> types.Session | None:
        """The session, if it is known."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            end, session = entry
            if self.clock() >= end:
                del self._entries[key]
                return None
        return copied(session)

    def put(self, key: bytes, session: types.Session, asked: float) -> None:
        """Remembers a session; `asked` is when the server was asked."""
        end = asked + CACHE_SECONDS
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = (end, session)
            # The oldest go first: those that have ended, then what is too much.
            now = self.clock()
            while self._entries:
                first = next(iter(self._entries))
                if (
                    self._entries[first][0] > now
                    and len(self._entries) <= CACHE_ENTRIES
                ):
                    break
                del self._entries[first]

    def __len__(self) -> int:
        return len(self._entries)

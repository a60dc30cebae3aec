"""A wxident server inside the process, for unit tests of what calls wxident.

    with wxident.fake.FakeServer() as fake:
        fake.add_app("wx0123456789abcdef")
        alice = fake.add_user("wx0123456789abcdef", "alice")
        client = fake.client()
        answer = client.login(alice.app_id, mini_program_code=alice.login_code())

It listens on a free port of 127.0.0.1 and answers over gRPC, with the status
codes, reasons and push-back of the real one. It keeps everything in memory,
knows no WeChat, and takes encrypted data only from FakeUser.encrypt.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

import wxident.aio
from wxident import _calls
from wxident._client import Client
from wxident.errors import Reason
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import identity_service_pb2_grpc as services
from wxident.v1 import types_pb2 as types

__all__ = ["FakeServer", "FakeUser", "RecordedCall"]

_CODE_LIFE = timedelta(minutes=5)
_MAX_TTL = timedelta(days=30)
_DEFAULT_TTL = timedelta(days=7)
_TOKEN_LIFE = timedelta(hours=2)

_CODES = {
    grpc.StatusCode.INVALID_ARGUMENT: "REQUEST_INVALID APP_UNKNOWN DECRYPT_REJECTED",
    grpc.StatusCode.FAILED_PRECONDITION: (
        "LOGIN_CODE_INVALID LOGIN_CODE_CONSUMED SESSION_NOT_ACTIVE"
        " SESSION_KEY_STALE SNAPSHOT_USER OAUTH_GRANT_EXPIRED"
        " OAUTH_SCOPE_INSUFFICIENT APP_MISCONFIGURED"
    ),
    grpc.StatusCode.PERMISSION_DENIED: (
        "USER_BLOCKED API_UNAUTHORIZED CALLER_NOT_ALLOWED"
    ),
    grpc.StatusCode.UNAUTHENTICATED: "CALLER_UNAUTHENTICATED",
    grpc.StatusCode.NOT_FOUND: "USER_NOT_FOUND PROFILE_NOT_FOUND",
    grpc.StatusCode.RESOURCE_EXHAUSTED: (
        "WECHAT_RATE_LIMITED TOKEN_BUDGET_EXHAUSTED OVERLOADED"
        " CALLER_RATE_LIMITED SESSION_RATE_LIMITED"
    ),
    grpc.StatusCode.UNAVAILABLE: (
        "WECHAT_BUSY WECHAT_UNREACHABLE WECHAT_BAD_RESPONSE STORE_UNAVAILABLE"
        " OUTCOME_UNKNOWN AUDIT_UNAVAILABLE"
    ),
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_PASSED",
    grpc.StatusCode.DATA_LOSS: "KEY_UNAVAILABLE TAMPERED",
    grpc.StatusCode.INTERNAL: "WECHAT_REQUEST_REJECTED INTERNAL_FAULT",
    grpc.StatusCode.UNKNOWN: "WECHAT_ERRCODE_UNKNOWN",
}
_CODE_OF = {
    Reason[name]: code for code, names in _CODES.items() for name in names.split()
}

# After these WeChat may have taken what works once.
_MAYBE_TAKEN = {
    Reason.WECHAT_BUSY,
    Reason.WECHAT_BAD_RESPONSE,
    Reason.OUTCOME_UNKNOWN,
    Reason.WECHAT_RATE_LIMITED,
}


@dataclass(frozen=True, repr=False)
class RecordedCall:
    """One call that the fake got."""

    rpc: str
    """Its name, such as "Login"."""

    request: Message
    """What was asked."""

    metadata: Mapping[str, str]
    """What came with it, such as "traceparent"."""


@dataclass
class _Fault(Exception):
    reason: Reason
    message: str
    errcode: str | None = None
    retry_after: timedelta | None = None
    violations: tuple[tuple[str, str], ...] = ()
    times: int = 1


@dataclass
class _App:
    app_id: str
    kind: str
    account: str
    redirect_hosts: tuple[str, ...]
    token: str = ""
    generation: int = 0
    expire_time: datetime = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class _Person:
    user: types.User
    identities: dict[str, types.Identity] = field(default_factory=dict)
    profiles: dict[str, pb.GetUserInfoResponse] = field(default_factory=dict)


@dataclass
class _Code:
    kind: str
    app_id: str
    person: _Person
    login: pb.LoginResponse | None = None
    used: bool = False


@dataclass
class _Session:
    person: _Person
    app_id: str
    create_time: datetime
    expire_time: datetime
    revoked: bool = False


@dataclass(frozen=True)
class FakeUser:
    """A person in one app, and what this person's phone and browser would do.
    Made by FakeServer.add_user."""

    app_id: str
    name: str
    user_id: str
    openid: str = field(repr=False)
    unionid: str = field(repr=False)
    _fake: FakeServer = field(repr=False, compare=False)

    def login_code(self) -> str:
        """A code of wx.login, for mini_program_code."""
        return self._fake._make_code("login", self)

    def oauth_code(self) -> str:
        """A code of WeChat's web page, for oauth_code."""
        return self._fake._make_code("oauth", self)

    def phone_code(self) -> str:
        """A code of a getPhoneNumber event."""
        return self._fake._make_code("phone", self)

    def encrypt(self, data: Mapping[str, Any]) -> types.EncryptedData:
        """Open data as WeChat would hand it to the mini program: for
        DecryptPhone {"phoneNumber", "purePhoneNumber", "countryCode"}, for an
        EncryptedProfile {"nickName", ...}, anything for DecryptUserData."""
        return self._fake._encrypt(self, data)

    def session(self, ttl: timedelta | None = None) -> str:
        """A session token, as a login would give."""
        return self._fake._begin_session(self, ttl)


class FakeServer:
    """The server. It runs from its making to `close`."""

    def __init__(
        self,
        *,
        address: str = "127.0.0.1:0",
        credentials: grpc.ServerCredentials | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """credentials: for TLS; plain text without them.
        now: the clock by which codes, sessions and tokens expire."""
        self._now = now
        self._credentials = credentials
        self._lock = threading.Condition()
        self._apps: dict[str, _App] = {}
        self._people: dict[tuple[str, str], _Person] = {}
        self._codes: dict[str, tuple[datetime, _Code]] = {}
        self._sessions: dict[str, _Session] = {}
        self._encrypted: dict[tuple[str, str], tuple[str, _Person, str]] = {}
        self._faults: dict[str, list[_Fault]] = {}
        self._calls: list[RecordedCall] = []
        self._held: list[str] = []
        self._streams_end = 0
        self._stopping = False
        self._stream_fault: _Fault | None = None
        self._serving = True
        self._clients: list[Client] = []
        self._address = address
        self._server = self._start()

    def _start(self) -> grpc.Server:
        self._stopping = False
        # A stream takes a thread.
        server = grpc.server(
            ThreadPoolExecutor(max_workers=200, thread_name_prefix="wxident-fake"),
            options=[("grpc.so_reuseport", 0)],
        )
        services.add_IdentityServiceServicer_to_server(_Service(self), server)
        server.add_generic_rpc_handlers((self._health_handler(),))
        if self._credentials is None:
            port = server.add_insecure_port(self._address)
        else:
            port = server.add_secure_port(self._address, self._credentials)
        host, _, _ = self._address.rpartition(":")
        self._address = f"{host}:{port}"
        server.start()
        return server

    @property
    def address(self) -> str:
        """host:port."""
        return self._address

    def client(self, **options: Any) -> Client:
        """A client of this server, closed with it."""
        client = Client(self.address, **{"insecure": True, **options})
        self._clients.append(client)
        return client

    def aio_client(self, **options: Any) -> wxident.aio.Client:
        """An asyncio client of this server. Close it yourself, in its loop."""
        return wxident.aio.Client(self.address, **{"insecure": True, **options})

    def close(self) -> None:
        """Closes its clients and stops. Doing it again is harmless."""
        for client in self._clients:
            client.close()
        self.stop()

    def stop(self) -> None:
        """Stops listening, and keeps what it knows for `start`. Streams end with
        OK first, as those of a server that is about to stop."""
        with self._lock:
            self._stopping = True
        self.end_streams()
        self._server.stop(0.5).wait()

    def start(self) -> None:
        """Listens again after `stop`, at the same address."""
        self._server = self._start()

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # What there is.

    def add_app(
        self,
        app_id: str,
        *,
        kind: str = "mini_program",
        open_platform_account: str = "main",
        redirect_hosts: tuple[str, ...] = (),
    ) -> None:
        """Configures an app; kind: mini_program, official_account, website or
        mobile."""
        if kind not in ("mini_program", "official_account", "website", "mobile"):
            raise ValueError(f"an app is no {kind!r}")
        with self._lock:
            self._apps[app_id] = _App(
                app_id, kind, open_platform_account, tuple(redirect_hosts)
            )

    def add_user(self, app_id: str, name: str) -> FakeUser:
        """A person in an app. The same name in another app of the same
        open_platform_account is the same person, with one user_id."""
        with self._lock:
            app = self._apps[app_id]
            person = self._people.get((app.account, name))
            if person is None:
                person = _Person(types.User(user_id=str(uuid.uuid4())))
                person.user.create_time.FromDatetime(self._now())
                self._people[app.account, name] = person
            identity = person.identities.get(app_id)
            if identity is None:
                identity = person.identities[app_id] = types.Identity(
                    app_id=app_id,
                    openid=_made_up(f"o {app_id} {name}"),
                    unionid=_made_up(f"u {app.account} {name}"),
                )
            return FakeUser(
                app_id,
                name,
                person.user.user_id,
                identity.openid,
                identity.unionid,
                self,
            )

    def set_profile(self, user: FakeUser, info: types.UserInfo) -> None:
        """Stores a profile, which GetUserInfo then gives for sources stored,
        oauth and follower."""
        with self._lock:
            self._store_profile(
                self._person(user),
                user.app_id,
                info,
                types.USER_INFO_SOURCE_OAUTH,
            )

    def revoke(self, session_token: str) -> None:
        """Ends a session, as another service's RevokeSession would."""
        with self._lock:
            self._sessions[session_token].revoked = True

    def rotate_token(
        self,
        app_id: str,
        *,
        life: timedelta = _TOKEN_LIFE,
        generation: int | None = None,
    ) -> str:
        """Gives an app a new access_token, which streams send on, and returns it.
        generation: instead of the next one; 0 for a token that a server fetched
        for itself."""
        with self._lock:
            return self._rotate(self._apps[app_id], life, generation)

    def end_streams(self, reason: Reason | str | None = None) -> None:
        """Ends the WatchAccessToken streams there are: with OK, or with an
        error."""
        with self._lock:
            self._stream_fault = (
                None if reason is None else _Fault(_reason(reason), "as told")
            )
            self._streams_end += 1
            self._lock.notify_all()

    # What goes wrong.

    def fail_next(
        self,
        rpc: str,
        reason: Reason | str,
        *,
        times: int = 1,
        message: str = "the fake was told to fail",
        errcode: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        """Lets the next calls of an RPC ("Login") fail. A client repeats what
        fails with UNAVAILABLE, twice: `times=3` is one failed call to it."""
        _check_rpc(rpc)
        fault = _Fault(_reason(reason), message, errcode, retry_after, times=times)
        with self._lock:
            self._faults.setdefault(rpc, []).append(fault)

    def set_serving(self, serving: bool) -> None:
        """What the health service says; clients leave a server that is not
        serving."""
        with self._lock:
            self._serving = serving
            self._lock.notify_all()

    @contextlib.contextmanager
    def hold(self, rpc: str) -> Iterator[None]:
        """Lets the calls of an RPC wait, within a `with`; for deadlines, and for
        calls that shall be under way at once."""
        _check_rpc(rpc)
        with self._lock:
            self._held.append(rpc)
        try:
            yield
        finally:
            with self._lock:
                self._held.remove(rpc)
                self._lock.notify_all()

    # What happened.

    def calls(self, rpc: str | None = None) -> list[RecordedCall]:
        """The calls so far, of one RPC or of all, each try of a repeated one."""
        with self._lock:
            return [call for call in self._calls if rpc in (None, call.rpc)]

    def wait_for_calls(self, rpc: str, count: int, timeout: float = 10) -> None:
        """Waits until so many calls of an RPC have come in; TimeoutError when
        they do not."""
        with self._lock:

            def there() -> bool:
                return sum(call.rpc == rpc for call in self._calls) >= count

            if not self._lock.wait_for(there, timeout):
                raise TimeoutError(f"fewer than {count} calls of {rpc} came")

    # Inside; with the lock held where nothing else is said.

    def _make_code(self, kind: str, user: FakeUser) -> str:
        with self._lock:
            code = secrets.token_hex(16)
            self._codes[code] = (
                self._now() + _CODE_LIFE,
                _Code(kind, user.app_id, self._person(user)),
            )
            return code

    def _encrypt(self, user: FakeUser, data: Mapping[str, Any]) -> types.EncryptedData:
        with self._lock:
            made = types.EncryptedData(
                encrypted_data=base64.b64encode(secrets.token_bytes(96)).decode(),
                iv=base64.b64encode(secrets.token_bytes(16)).decode(),
            )
            self._encrypted[made.encrypted_data, made.iv] = (
                user.app_id,
                self._person(user),
                json.dumps(data, ensure_ascii=False),
            )
            return made

    def _begin_session(self, user: FakeUser, ttl: timedelta | None) -> str:
        with self._lock:
            return self._new_session(self._person(user), user.app_id, ttl)[0]

    def _person(self, user: FakeUser) -> _Person:
        return self._people[self._apps[user.app_id].account, user.name]

    def _new_session(
        self, person: _Person, app_id: str, ttl: timedelta | None
    ) -> tuple[str, _Session]:
        token = "wxs1_" + secrets.token_urlsafe(32)
        now = self._now()
        session = _Session(
            person, app_id, now, now + min(ttl or _DEFAULT_TTL, _MAX_TTL)
        )
        self._sessions[token] = session
        return token, session

    def _store_profile(
        self,
        person: _Person,
        app_id: str,
        info: types.UserInfo,
        source: types.UserInfoSource.ValueType,
    ) -> pb.GetUserInfoResponse:
        profile = pb.GetUserInfoResponse(
            user_info=info,
            identity=person.identities[app_id],
            user=person.user,
            source=source,
        )
        profile.fetch_time.FromDatetime(self._now())
        person.profiles[app_id] = profile
        return profile

    def _rotate(self, app: _App, life: timedelta, generation: int | None = None) -> str:
        app.token = "98_" + secrets.token_urlsafe(60)
        app.generation = app.generation + 1 if generation is None else generation
        app.expire_time = self._now() + life
        self._lock.notify_all()
        return app.token

    def _current(self, app: _App) -> _App:
        if app.expire_time <= self._now():
            self._rotate(app, _TOKEN_LIFE)
        return app

    def _begin(self, rpc: str, request: Message, context: grpc.ServicerContext) -> None:
        """Records a call, and ends it when it is to fail. Takes the lock."""
        with self._lock:
            metadata = {
                key: value
                for key, value in context.invocation_metadata()
                if isinstance(value, str)
            }
            self._calls.append(RecordedCall(rpc, request, metadata))
            self._lock.notify_all()
            if rpc in self._held:
                context.add_callback(self._wake)
            while rpc in self._held and context.is_active() and not self._stopping:
                self._lock.wait()
            faults = self._faults.get(rpc)
            if not faults:
                return
            fault = faults[0]
            fault.times -= 1
            if fault.times <= 0:
                faults.pop(0)
            raise dataclasses.replace(fault)

    def _app(self, app_id: str, path: str = "app_id") -> _App:
        if not app_id:
            raise _field(path, "is required")
        app = self._apps.get(app_id)
        if app is None:
            raise _Fault(
                Reason.APP_UNKNOWN,
                f"{path} is no app of this server; check the id, or add the app to"
                " the server's configuration",
                violations=((path, "is no app of this server"),),
            )
        return app

    def _take_code(self, kind: str, app_id: str, code: str) -> _Code:
        expire_time, found = self._codes.get(code, (self._now(), None))
        if (
            found is None
            or found.kind != kind
            or found.app_id != app_id
            or expire_time <= self._now()
        ):
            raise _Fault(
                Reason.LOGIN_CODE_INVALID,
                "WeChat says that it does not know the code (errcode 40029); get a"
                " new code with wx.login",
                errcode="40029",
            )
        return found

    def _active(self, token: str) -> _Session | None:
        if not token:
            raise _field("session_token", "is required")
        if len(token) > 512:
            raise _field("session_token", "is longer than 512 characters")
        session = self._sessions.get(token)
        if session is None or session.revoked or session.expire_time <= self._now():
            return None
        return session

    def _must_be_active(self, token: str) -> _Session:
        session = self._active(token)
        if session is None:
            raise _Fault(
                Reason.SESSION_NOT_ACTIVE,
                "the session token is unknown, expired or revoked; log in again",
            )
        return session

    def _decrypt(self, session: _Session, data: str, iv: str) -> dict[str, Any]:
        if not data:
            raise _field("encrypted_data", "is required")
        if not iv:
            raise _field("iv", "is required")
        app_id, person, text = self._encrypted.get((data, iv), ("", None, ""))
        if person is not session.person or app_id != session.app_id:
            raise _Fault(
                Reason.DECRYPT_REJECTED,
                "the encrypted data did not open; log in again (wx.login first),"
                " then ask WeChat for the data again",
            )
        opened = json.loads(text)
        assert isinstance(opened, dict)
        return opened

    def _find_identity(self, ref: types.IdentityRef, path: str) -> _Person | None:
        self._app(ref.app_id, f"{path}.app_id")
        if not ref.openid:
            raise _field(f"{path}.openid", "is required")
        for person in self._people.values():
            identity = person.identities.get(ref.app_id)
            if identity is not None and identity.openid == ref.openid:
                return person
        return None

    def _find_user(self, user_id: str, path: str) -> _Person | None:
        try:
            good = str(uuid.UUID(user_id)) == user_id
        except ValueError:
            good = False
        if not good:
            raise _field(path, "must be a UUID in lower-case text form")
        for person in self._people.values():
            if person.user.user_id == user_id:
                return person
        return None

    def _health_handler(self) -> grpc.GenericRpcHandler:
        # Two messages of one number and one text; not worth a package.
        def status() -> bytes:
            return b"\x08\x01" if self._serving else b"\x08\x02"

        def check(request: bytes, context: grpc.ServicerContext) -> bytes:
            with self._lock:
                return status()

        def watch(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            context.add_callback(self._wake)
            with self._lock:
                last = b""
                while context.is_active() and not self._stopping:
                    if status() != last:
                        last = status()
                        self._lock.release()
                        try:
                            yield last
                        finally:
                            self._lock.acquire()
                    else:
                        self._lock.wait()

        return grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health",
            {
                "Check": grpc.unary_unary_rpc_method_handler(check),
                "Watch": grpc.unary_stream_rpc_method_handler(watch),
            },
        )

    def _wake(self) -> None:
        with self._lock:
            self._lock.notify_all()


def _check_rpc(rpc: str) -> None:
    if rpc not in _calls.UNARY_METHODS and rpc != "WatchAccessToken":
        raise ValueError(f"there is no RPC {rpc!r}")


def _made_up(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode()[:27]


def _reason(reason: Reason | str) -> Reason:
    found = Reason(reason) if isinstance(reason, str) else reason
    if found not in _CODE_OF:
        raise ValueError("no answer has the reason UNSPECIFIED")
    return found


def _field(path: str, what: str) -> _Fault:
    return _Fault(Reason.REQUEST_INVALID, f"{path} {what}", violations=((path, what),))


def _abort(context: grpc.ServicerContext, fault: _Fault, spends: bool) -> NoReturn:
    """Ends a call as the server would; spends: the request holds something that
    works once."""
    code = _CODE_OF[fault.reason]
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
    if spends and fault.reason in _MAYBE_TAKEN:
        push_back = -1
    if push_back is not None:
        trailers.append(("grpc-retry-pushback-ms", str(push_back)))
    trailers.append(("grpc-status-details-bin", status.SerializeToString()))
    context.set_trailing_metadata(tuple(trailers))
    context.abort(code, fault.message)
    raise AssertionError("abort does not return")


def _answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """An RPC's function under the lock, its faults as gRPC statuses."""
    rpc = function.__name__

    def answer(self: _Service, request: Any, context: grpc.ServicerContext) -> Any:
        spends = rpc == "Login" or (
            rpc == "DecryptPhone" and request.WhichOneof("source") == "phone_code"
        )
        try:
            self.fake._begin(rpc, request, context)
            with self.fake._lock:
                return function(self, request)
        except _Fault as fault:
            _abort(context, fault, spends)

    return answer


class _Service(services.IdentityServiceServicer):
    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake

    @_answering
    def Login(self, request: pb.LoginRequest) -> pb.LoginResponse:
        fake = self.fake
        app = fake._app(request.app_id)
        which = request.WhichOneof("credential")
        if which is None:
            raise _field("credential", "is required: mini_program_code or oauth_code")
        mini = which == "mini_program_code"
        if mini != (app.kind == "mini_program"):
            raise _field(
                which,
                "needs an app_id that is configured as "
                + (
                    "a mini program"
                    if mini
                    else "an official account, website or mobile app"
                ),
            )
        text = request.mini_program_code if mini else request.oauth_code
        if not text:
            raise _field(which, "is required")
        ttl = None
        if request.HasField("session_ttl"):
            ttl = request.session_ttl.ToTimedelta()
            if ttl < timedelta(seconds=1):
                raise _field("session_ttl", "must be at least 1 s")
        code = fake._take_code("login" if mini else "oauth", app.app_id, text)
        if code.login is None:
            token, session = fake._new_session(code.person, app.app_id, ttl)
            first = not any(
                other is not session and other.person is code.person
                for other in fake._sessions.values()
            )
            code.login = pb.LoginResponse(
                session_token=token,
                user=code.person.user,
                identity=code.person.identities[app.app_id],
                new_user=first,
            )
            code.login.expire_time.FromDatetime(session.expire_time)
        return code.login

    @_answering
    def ValidateSession(
        self, request: pb.ValidateSessionRequest
    ) -> pb.ValidateSessionResponse:
        session = self.fake._active(request.session_token)
        if session is None:
            return pb.ValidateSessionResponse(active=False)
        answer = pb.ValidateSessionResponse(active=True)
        answer.session.user.CopyFrom(session.person.user)
        answer.session.identity.CopyFrom(session.person.identities[session.app_id])
        answer.session.create_time.FromDatetime(session.create_time)
        answer.session.expire_time.FromDatetime(session.expire_time)
        return answer

    @_answering
    def RefreshSession(
        self, request: pb.RefreshSessionRequest
    ) -> pb.RefreshSessionResponse:
        old = self.fake._must_be_active(request.session_token)
        token, session = self.fake._new_session(
            old.person, old.app_id, old.expire_time - old.create_time
        )
        answer = pb.RefreshSessionResponse(session_token=token)
        answer.expire_time.FromDatetime(session.expire_time)
        return answer

    @_answering
    def RevokeSession(
        self, request: pb.RevokeSessionRequest
    ) -> pb.RevokeSessionResponse:
        fake = self.fake
        which = request.WhichOneof("target")
        if which is None:
            raise _field("target", "is required: session_token or user_id")
        if which == "session_token":
            one = fake._active(request.session_token)
            ended = [] if one is None else [one]
        else:
            person = fake._find_user(request.user_id, "user_id")
            ended = [
                session
                for session in fake._sessions.values()
                if session.person is person
                and not session.revoked
                and session.expire_time > fake._now()
            ]
        for session in ended:
            session.revoked = True
        return pb.RevokeSessionResponse(revoked_count=len(ended))

    @_answering
    def CheckSessionKey(
        self, request: pb.CheckSessionKeyRequest
    ) -> pb.CheckSessionKeyResponse:
        self.fake._must_be_active(request.session_token)
        return pb.CheckSessionKeyResponse(valid=True)

    @_answering
    def DecryptPhone(self, request: pb.DecryptPhoneRequest) -> pb.DecryptPhoneResponse:
        fake = self.fake
        which = request.WhichOneof("source")
        if which is None:
            raise _field("source", "is required: encrypted or phone_code")
        session = fake._must_be_active(request.session_token)
        if which == "encrypted":
            opened = fake._decrypt(
                session, request.encrypted.encrypted_data, request.encrypted.iv
            )
        else:
            code = fake._take_code("phone", session.app_id, request.phone_code)
            if code.used:
                raise _Fault(
                    Reason.LOGIN_CODE_CONSUMED,
                    "the phone code has been used; get a new one",
                    errcode="40163",
                )
            code.used = True
            opened = {}
        number = str(opened.get("purePhoneNumber", "13800138000"))
        answer = pb.DecryptPhoneResponse()
        answer.phone.phone_number = str(opened.get("phoneNumber", number))
        answer.phone.pure_phone_number = number
        answer.phone.country_code = str(opened.get("countryCode", "86"))
        answer.watermark_time.FromDatetime(fake._now())
        session.person.user.phone_linked = True
        return answer

    @_answering
    def DecryptUserData(
        self, request: pb.DecryptUserDataRequest
    ) -> pb.DecryptUserDataResponse:
        session = self.fake._must_be_active(request.session_token)
        opened = self.fake._decrypt(session, request.encrypted_data, request.iv)
        answer = pb.DecryptUserDataResponse(json=json.dumps(opened, ensure_ascii=False))
        answer.watermark_time.FromDatetime(self.fake._now())
        return answer

    @_answering
    def GetUserInfo(self, request: pb.GetUserInfoRequest) -> pb.GetUserInfoResponse:
        fake = self.fake
        if request.language not in ("", "zh_CN", "zh_TW", "en"):
            raise _field("language", "must be zh_CN, zh_TW or en")
        source = request.WhichOneof("source")
        if source is None:
            raise _field(
                "source", "is required: encrypted_profile, stored, oauth or follower"
            )
        subject = request.WhichOneof("subject")
        if subject is None:
            raise _field("subject", "is required: session_token or identity_ref")
        session = None
        if subject == "session_token":
            session = fake._must_be_active(request.session_token)
            person, app_id = session.person, session.app_id
        else:
            found = fake._find_identity(request.identity_ref, "identity_ref")
            if found is None:
                raise _Fault(
                    Reason.USER_NOT_FOUND,
                    "no user has this identity_ref; it has never logged in",
                )
            person, app_id = found, request.identity_ref.app_id
        if source == "encrypted_profile":
            if session is None:
                raise _field("identity_ref", "does not go with encrypted_profile")
            profile = request.encrypted_profile
            opened = fake._decrypt(session, profile.encrypted_data, profile.iv)
            info = types.UserInfo(
                nickname=str(opened.get("nickName", "")),
                avatar_url=str(opened.get("avatarUrl", "")),
            )
            return fake._store_profile(
                person, app_id, info, types.USER_INFO_SOURCE_ENCRYPTED_PROFILE
            )
        stored = person.profiles.get(app_id)
        if stored is None:
            raise _Fault(
                Reason.PROFILE_NOT_FOUND,
                "no profile has been stored for this identity; get one first",
            )
        if source == "oauth":
            stored.source = types.USER_INFO_SOURCE_OAUTH
        elif source == "follower":
            stored.source = types.USER_INFO_SOURCE_FOLLOWER
        return stored

    @_answering
    def GetAccessToken(
        self, request: pb.GetAccessTokenRequest
    ) -> pb.GetAccessTokenResponse:
        fake = self.fake
        app = fake._app(request.app_id)
        if request.WhichOneof("kind") == "web":
            ref = request.web.identity_ref
            if fake._find_identity(ref, "web.identity_ref") is None:
                raise _Fault(
                    Reason.USER_NOT_FOUND,
                    "no user has this identity_ref; it has never logged in",
                )
            web = pb.GetAccessTokenResponse(
                access_token="99_" + _made_up(f"web {ref.openid}"),
                kind=types.ACCESS_TOKEN_KIND_WEB,
            )
            web.expire_time.FromDatetime(fake._now() + _TOKEN_LIFE)
            return web
        fake._current(app)
        if request.rejected_access_token == app.token:
            fake._rotate(app, _TOKEN_LIFE)
        answer = pb.GetAccessTokenResponse(
            access_token=app.token,
            generation=app.generation,
            kind=types.ACCESS_TOKEN_KIND_APP,
        )
        answer.expire_time.FromDatetime(app.expire_time)
        return answer

    def WatchAccessToken(
        self, request: pb.WatchAccessTokenRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchAccessTokenResponse]:
        fake = self.fake
        try:
            fake._begin("WatchAccessToken", request, context)
            context.add_callback(fake._wake)
            with fake._lock:
                app = fake._current(fake._app(request.app_id))
                ends = fake._streams_end
            sent = ""
            while True:
                with fake._lock:
                    while (
                        app.token == sent
                        and fake._streams_end == ends
                        and context.is_active()
                    ):
                        fake._lock.wait()
                    if fake._streams_end != ends and fake._stream_fault is not None:
                        raise fake._stream_fault
                    if fake._streams_end != ends or not context.is_active():
                        return
                    sent = app.token
                    message = pb.WatchAccessTokenResponse(
                        access_token=sent,
                        generation=app.generation,
                        kind=types.ACCESS_TOKEN_KIND_APP,
                    )
                    message.expire_time.FromDatetime(app.expire_time)
                yield message
        except _Fault as fault:
            _abort(context, fault, False)

    @_answering
    def GetJsapiSignature(
        self, request: pb.GetJsapiSignatureRequest
    ) -> pb.GetJsapiSignatureResponse:
        app = self.fake._app(request.app_id)
        if app.kind != "official_account":
            raise _field("app_id", "must be an official account")
        url = request.url.partition("#")[0]
        if urlsplit(url).scheme not in ("http", "https"):
            raise _field("url", "must be an http or https URL")
        nonce = secrets.token_hex(8)
        timestamp = int(self.fake._now().timestamp())
        text = (
            f"jsapi_ticket={_made_up(app.app_id)}&noncestr={nonce}"
            f"&timestamp={timestamp}&url={url}"
        )
        return pb.GetJsapiSignatureResponse(
            app_id=app.app_id,
            nonce=nonce,
            timestamp=timestamp,
            signature=hashlib.sha1(text.encode()).hexdigest(),
        )

    @_answering
    def GetAuthorizeUrl(
        self, request: pb.GetAuthorizeUrlRequest
    ) -> pb.GetAuthorizeUrlResponse:
        app = self.fake._app(request.app_id)
        parts = urlsplit(request.redirect_uri)
        if parts.scheme != "https" or parts.hostname not in app.redirect_hosts:
            raise _field("redirect_uri", "has a host that is not on the app's list")
        scopes = {
            "official_account": ("snsapi_base", "snsapi_userinfo"),
            "website": ("snsapi_login",),
        }.get(app.kind, ())
        if request.scope not in scopes:
            raise _field("scope", f"must be one of {', '.join(scopes)}")
        if not request.state:
            raise _field("state", "is required")
        page = "qrconnect" if app.kind == "website" else "oauth2/authorize"
        return pb.GetAuthorizeUrlResponse(
            url=f"https://open.weixin.qq.com/connect/{page}?appid={app.app_id}"
            f"&redirect_uri={quote(request.redirect_uri, safe='')}"
            f"&response_type=code&scope={request.scope}&state={request.state}"
            "#wechat_redirect"
        )

    @_answering
    def GetUser(self, request: pb.GetUserRequest) -> pb.GetUserResponse:
        fake = self.fake
        which = request.WhichOneof("subject")
        if which == "user_id":
            person = fake._find_user(request.user_id, "user_id")
        elif which == "identity_ref":
            person = fake._find_identity(request.identity_ref, "identity_ref")
        elif which == "union_ref":
            account = fake._app(request.union_ref.app_id, "union_ref.app_id").account
            person = next(
                (
                    someone
                    for (its_account, _), someone in fake._people.items()
                    if its_account == account
                    and any(
                        identity.unionid == request.union_ref.unionid
                        for identity in someone.identities.values()
                    )
                ),
                None,
            )
        else:
            raise _field("subject", "is required: user_id, identity_ref or union_ref")
        if person is None:
            raise _Fault(
                Reason.USER_NOT_FOUND,
                "no user has this id; check it, or let the person log in first",
            )
        return pb.GetUserResponse(
            user=person.user, identities=person.identities.values()
        )

    @_answering
    def BatchGetUsers(
        self, request: pb.BatchGetUsersRequest
    ) -> pb.BatchGetUsersResponse:
        fake = self.fake
        if len(request.identity_refs) > 500:
            raise _field("identity_refs", "has more than 500 entries")
        if len(request.user_ids) > 500:
            raise _field("user_ids", "has more than 500 entries")
        if request.identity_refs and request.user_ids:
            raise _field("user_ids", "must be empty when identity_refs is not")
        people = [
            fake._find_identity(ref, f"identity_refs[{index}]")
            for index, ref in enumerate(request.identity_refs)
        ] + [
            fake._find_user(user_id, f"user_ids[{index}]")
            for index, user_id in enumerate(request.user_ids)
        ]
        answer = pb.BatchGetUsersResponse()
        for person in people:
            found = answer.users.add(found=person is not None)
            if person is not None:
                found.user.CopyFrom(person.user)
                found.identities.extend(person.identities.values())
        return answer

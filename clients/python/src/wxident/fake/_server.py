"""The fake as those who test with it know it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

import wxident.aio
from wxident._client import Client
from wxident.errors import Reason
from wxident.fake._faults import Fault, reason_of
from wxident.fake._open_data import OpenDataCalls
from wxident.fake._sessions import SessionCalls
from wxident.fake._tokens import TokenCalls
from wxident.fake._traffic import RecordedCall, Traffic, check_rpc
from wxident.fake._users import UserCalls
from wxident.fake._world import TOKEN_LIFE, App, FakeUser, Person, World, made_up
from wxident.v1 import identity_service_pb2_grpc as services
from wxident.v1 import types_pb2 as types


class _Service(
    SessionCalls,
    OpenDataCalls,
    UserCalls,
    TokenCalls,
    services.IdentityServiceServicer,
):
    """All calls."""


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
        self._credentials = credentials
        self._world = World(now)
        self._traffic = Traffic(self._world.lock)
        self._serving = True
        self._clients: list[Client] = []
        self._address = address
        self._server = self._start()

    def _start(self) -> grpc.Server:
        self._traffic.stopping = False
        # A stream takes a thread.
        server = grpc.server(
            ThreadPoolExecutor(max_workers=200, thread_name_prefix="wxident-fake"),
            options=[("grpc.so_reuseport", 0)],
        )
        services.add_IdentityServiceServicer_to_server(
            _Service(self._world, self._traffic), server
        )
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
        with self._world.lock:
            self._traffic.stopping = True
        self.end_streams()
        self._server.stop(0.5).wait()

    def start(self) -> None:
        """Listens again after `stop`, at the same address."""
        self._server = self._start()

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *_: object) -> None:
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
        with self._world.lock:
            self._world.apps[app_id] = App(
                app_id, kind, open_platform_account, tuple(redirect_hosts)
            )

    def add_user(self, app_id: str, name: str) -> FakeUser:
        """A person in an app. The same name in another app of the same
        open_platform_account is the same person, with one user_id."""
        with self._world.lock:
            app = self._world.apps[app_id]
            person = self._world.people.get((app.account, name))
            if person is None:
                person = Person(types.User(user_id=str(uuid.uuid4())))
                person.user.create_time.FromDatetime(self._world.now())
                self._world.people[app.account, name] = person
            identity = person.identities.get(app_id)
            if identity is None:
                identity = person.identities[app_id] = types.Identity(
                    app_id=app_id,
                    openid=made_up(f"o {app_id} {name}"),
                    unionid=made_up(f"u {app.account} {name}"),
                )
            return FakeUser(
                app_id,
                name,
                person.user.user_id,
                identity.openid,
                identity.unionid,
                self._world,
            )

    def set_profile(self, user: FakeUser, info: types.UserInfo) -> None:
        """Stores a profile, which GetUserInfo then gives for sources stored,
        oauth and follower."""
        with self._world.lock:
            self._world.store_profile(
                self._world.person(user),
                user.app_id,
                info,
                types.USER_INFO_SOURCE_OAUTH,
            )

    def revoke(self, session_token: str) -> None:
        """Ends a session, as another service's RevokeSession would."""
        with self._world.lock:
            self._world.sessions[session_token].revoked = True

    def rotate_token(
        self,
        app_id: str,
        *,
        life: timedelta = TOKEN_LIFE,
        generation: int | None = None,
    ) -> str:
        """Gives an app a new access_token, which streams send on, and returns it.
        generation: instead of the next one; 0 for a token that a server fetched
        for itself."""
        with self._world.lock:
            return self._world.rotate(self._world.apps[app_id], life, generation)

    def end_streams(self, reason: Reason | str | None = None) -> None:
        """Ends the WatchAccessToken streams there are: with OK, or with an
        error."""
        with self._world.lock:
            self._traffic.stream_fault = (
                None if reason is None else Fault(reason_of(reason), "as told")
            )
            self._traffic.streams_end += 1
            self._world.lock.notify_all()

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
        check_rpc(rpc)
        fault = Fault(reason_of(reason), message, errcode, retry_after, times=times)
        with self._world.lock:
            self._traffic.faults.setdefault(rpc, []).append(fault)

    def set_serving(self, serving: bool) -> None:
        """What the health service says; clients leave a server that is not
        serving."""
        with self._world.lock:
            self._serving = serving
            self._world.lock.notify_all()

    @contextlib.contextmanager
    def hold(self, rpc: str) -> Iterator[None]:
        """Lets the calls of an RPC wait, within a `with`; for deadlines, and for
        calls that shall be under way at once."""
        check_rpc(rpc)
        with self._world.lock:
            self._traffic.held.append(rpc)
        try:
            yield
        finally:
            with self._world.lock:
                self._traffic.held.remove(rpc)
                self._world.lock.notify_all()

    # What happened.

    def calls(self, rpc: str | None = None) -> list[RecordedCall]:
        """The calls so far, of one RPC or of all, each try of a repeated one."""
        with self._world.lock:
            return [call for call in self._traffic.calls if rpc in (None, call.rpc)]

    def wait_for_calls(self, rpc: str, count: int, timeout: float = 10) -> None:
        """Waits until so many calls of an RPC have come in; TimeoutError when
        they do not."""
        with self._world.lock:

            def there() -> bool:
                return sum(call.rpc == rpc for call in self._traffic.calls) >= count

            if not self._world.lock.wait_for(there, timeout):
                raise TimeoutError(f"fewer than {count} calls of {rpc} came")

    # Inside.

    def _health_handler(self) -> grpc.GenericRpcHandler:
        # Two messages of one number and one text; not worth a package.
        def status() -> bytes:
            return b"\x08\x01" if self._serving else b"\x08\x02"

        def check(request: bytes, context: grpc.ServicerContext) -> bytes:
            with self._world.lock:
                return status()

        def watch(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            context.add_callback(self._traffic.wake)
            with self._world.lock:
                last = b""
                while context.is_active() and not self._traffic.stopping:
                    if status() != last:
                        last = status()
                        self._world.lock.release()
                        try:
                            yield last
                        finally:
                            self._world.lock.acquire()
                    else:
                        self._world.lock.wait()

        return grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health",
            {
                "Check": grpc.unary_unary_rpc_method_handler(check),
                "Watch": grpc.unary_stream_rpc_method_handler(watch),
            },
        )

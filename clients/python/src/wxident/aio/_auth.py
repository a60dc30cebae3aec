"""Session authentication for asyncio servers: ASGI and grpc.aio."""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any

import grpc
import grpc.aio

from wxident import _calls, _sessions
from wxident._config import Timeout
from wxident._sessions import (
    NOT_ACTIVE,
    Cache,
    Options,
    Refusal,
    could_not_ask,
    token_in,
)
from wxident.aio._client import Client
from wxident.aio._tokens import Shared
from wxident.auth import SESSION_KEY, authorization_of, rebuilt
from wxident.errors import WxidentError
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class SessionAuthenticator:
    """Checks the session tokens of incoming requests. One for a server.

    A token that was found active is not asked about again for one second, and
    requests that come with the same token at once share one call.
    """

    def __init__(
        self,
        client: Client,
        *,
        strong: bool = False,
        cookie: str | None = None,
        allow_anonymous: bool = False,
    ) -> None:
        """strong: the server asks its database about each single request, so that
            a revocation counts at once.
        cookie: the name of a cookie that may hold the token, for requests
            without an Authorization header.
        allow_anonymous: lets requests without a token pass. One with a bad token
            never passes.
        """
        self.options = Options(strong, cookie, allow_anonymous)
        self._client = client
        self._cache = Cache()
        self._shared: Shared[bytes, pb.ValidateSessionResponse] = Shared()

    async def authenticate(
        self, token: str, timeout: Timeout = None
    ) -> types.Session | None:
        """The session of a token; None when it is not active. Raises
        WxidentError when that could not be found out."""
        if not _sessions.is_token(token):
            return None
        call = _calls.validate_session(token, self.options.strong)
        if self.options.strong:
            return _sessions.session_of(await self._client._unary(call, timeout))
        key = _sessions.digest(token)
        known = self._cache.get(key)
        if known is not None:
            return known

        async def ask() -> pb.ValidateSessionResponse:
            asked = self._cache.clock()
            answer = await self._client._unary(call, None)
            if answer.active:
                self._cache.put(key, answer.session, asked)
            return answer

        limit = self._client._seconds(call, timeout)
        answer = await self._shared.get(key, ask, limit, call.method)
        return _sessions.session_of(answer)

    async def check(
        self, authorization: list[str], cookies: Iterable[str] = ()
    ) -> types.Session | Refusal | None:
        """What a request's headers come to: a session, a refusal, or None for one
        that may pass without a token."""
        token = token_in(self.options, authorization, cookies)
        if not isinstance(token, str):
            return token
        try:
            return await self.authenticate(token) or NOT_ACTIVE
        except WxidentError as error:
            return could_not_ask(error)


class AsgiMiddleware:
    """Lets requests and WebSockets with an active session through to an ASGI
    application, which finds it by `current_session()` or in
    scope["wxident.session"].

        app.add_middleware(AsgiMiddleware, authenticator=authenticator)

    Answers others itself: 401, or 503 when sessions could not be checked.
    """

    def __init__(self, app: AsgiApp, authenticator: SessionAuthenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, WebSocket or lifespan."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = scope.get("headers", ())
        outcome = await self._authenticator.check(
            _values(headers, b"authorization"), _values(headers, b"cookie")
        )
        if isinstance(outcome, Refusal):
            await _refuse(outcome, scope, receive, send)
            return
        mark = _sessions._current.set(outcome)
        try:
            await self._app({**scope, SESSION_KEY: outcome}, receive, send)
        finally:
            _sessions._current.reset(mark)


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    prefix = "http"
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            # The server answers the handshake with 403.
            await send({"type": "websocket.close", "code": 1008})
            return
        prefix = "websocket.http"
    headers = [(key.encode(), value.encode()) for key, value in refusal.headers]
    body = b"" if scope.get("method") == "HEAD" else refusal.body
    await send(
        {
            "type": f"{prefix}.response.start",
            "status": refusal.status,
            "headers": headers,
        }
    )
    await send({"type": f"{prefix}.response.body", "body": body})


class ServerInterceptor(grpc.aio.ServerInterceptor):
    """Lets calls with an active session, in metadata "authorization: Bearer
    <token>", through to a grpc.aio.server. Handlers find it by
    `current_session()`.

        grpc.aio.server(interceptors=[ServerInterceptor(authenticator)])

    Others end with UNAUTHENTICATED, or UNAVAILABLE when sessions could not be
    checked.
    """

    def __init__(
        self, authenticator: SessionAuthenticator, *, exempt: Collection[str] = ()
    ) -> None:
        """exempt: methods that need no session, such as
        "/grpc.health.v1.Health/Check"."""
        self._authenticator = authenticator
        self._exempt = frozenset(exempt)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Called by gRPC for each call."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method in self._exempt:
            return handler
        outcome = await self._authenticator.check(
            authorization_of(handler_call_details.invocation_metadata)
        )
        if isinstance(outcome, Refusal):
            return _refusing(handler, outcome)
        # Coroutines of this call run in this context.
        _sessions._current.set(outcome)
        inner = (
            handler.unary_unary
            or handler.unary_stream
            or handler.stream_unary
            or handler.stream_stream
        )
        if inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
            return handler
        # A plain function runs in a thread, which knows nothing of the context.
        scope = contextvars.copy_context()
        if handler.response_streaming:
            return rebuilt(handler, _iterated(scope, inner))
        return rebuilt(handler, functools.partial(scope.run, inner))


def _iterated(
    scope: contextvars.Context, inner: Callable[..., Any]
) -> Callable[..., Any]:
    def behavior(request: Any, context: Any) -> Any:
        answers = iter(scope.run(inner, request, context))
        while True:
            try:
                answer = scope.run(next, answers)
            except StopIteration:
                return
            yield answer

    return behavior


def _refusing(handler: Any, refusal: Refusal) -> Any:
    async def one(_: Any, context: Any) -> None:
        await context.abort(refusal.code, refusal.message)

    async def many(_: Any, context: Any) -> Any:
        await context.abort(refusal.code, refusal.message)
        yield

    return rebuilt(handler, many if handler.response_streaming else one)

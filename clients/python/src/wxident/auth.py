"""Session authentication for synchronous servers: WSGI and gRPC.

wxident.aio has the same for ASGI and grpc.aio.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import grpc

from wxident import _calls, _sessions
from wxident._client import Client
from wxident._config import Timeout
from wxident._sessions import (
    NOT_ACTIVE,
    Cache,
    Options,
    Refusal,
    could_not_ask,
    current_session,
    token_in,
)
from wxident.errors import WxidentError
from wxident.tokens import Shared, wait
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = [
    "ServerInterceptor",
    "SessionAuthenticator",
    "WsgiMiddleware",
    "current_session",
]

SESSION_KEY = "wxident.session"
"""Where the WSGI environ and the ASGI scope have the session."""


class SessionAuthenticator:
    """Checks the session tokens of incoming requests. One for a server; for any
    number of threads.

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

    def authenticate(self, token: str, timeout: Timeout = None) -> types.Session | None:
        """The session of a token; None when it is not active. Raises
        WxidentError when that could not be found out."""
        if not _sessions.is_token(token):
            return None
        call = _calls.validate_session(token, self.options.strong)
        if self.options.strong:
            return _sessions.session_of(self._client._unary(call, timeout))
        key = _sessions.digest(token)
        known = self._cache.get(key)
        if known is not None:
            return known
        limit = self._client._seconds(call, timeout)
        asked = self._cache.clock()

        def remember(answer: pb.ValidateSessionResponse) -> None:
            if answer.active:
                self._cache.put(key, answer.session, asked)

        def start() -> Future[pb.ValidateSessionResponse]:
            return self._client._start(call)

        shared = self._shared.get(key, start, remember)
        return _sessions.session_of(wait(shared, limit, call.method))

    def check(
        self, authorization: list[str], cookies: Iterable[str] = ()
    ) -> types.Session | Refusal | None:
        """What a request's headers come to: a session, a refusal, or None for one
        that may pass without a token."""
        token = token_in(self.options, authorization, cookies)
        if not isinstance(token, str):
            return token
        try:
            return self.authenticate(token) or NOT_ACTIVE
        except WxidentError as error:
            return could_not_ask(error)


class WsgiMiddleware:
    """Lets requests with an active session through to a WSGI application, which
    finds it in environ["wxident.session"], or by `current_session()` until the
    application has returned its iterable.

        app.wsgi_app = WsgiMiddleware(app.wsgi_app, SessionAuthenticator(client))

    Answers others itself: 401, or 503 when sessions could not be checked.
    """

    def __init__(
        self, app: WSGIApplication, authenticator: SessionAuthenticator
    ) -> None:
        self._app = app
        self._authenticator = authenticator

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Handles one request."""
        outcome = self._authenticator.check(
            [environ["HTTP_AUTHORIZATION"]] if "HTTP_AUTHORIZATION" in environ else [],
            [environ["HTTP_COOKIE"]] if "HTTP_COOKIE" in environ else [],
        )
        if isinstance(outcome, Refusal):
            start_response(f"{outcome.status} {outcome.reason}", outcome.headers)
            return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else outcome.body]
        environ[SESSION_KEY] = outcome
        mark = _sessions._current.set(outcome)
        try:
            return self._app(environ, start_response)
        finally:
            _sessions._current.reset(mark)


class ServerInterceptor(grpc.ServerInterceptor):
    """Lets calls with an active session, in metadata "authorization: Bearer
    <token>", through to a grpc.server. Handlers find it by `current_session()`.

        grpc.server(pool, interceptors=[ServerInterceptor(authenticator)])

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

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Called by gRPC for each call."""
        handler = continuation(handler_call_details)
        if handler is None or handler_call_details.method in self._exempt:
            return handler
        if handler.response_streaming:
            inner = handler.stream_stream or handler.unary_stream

            def answer_many(
                request: Any, context: grpc.ServicerContext
            ) -> Iterator[Any]:
                scope = self._scope(context)
                answers = iter(scope.run(inner, request, context))
                try:
                    # gRPC may take each message in another thread.
                    while True:
                        try:
                            answer = scope.run(next, answers)
                        except StopIteration:
                            return
                        yield answer
                finally:
                    close = getattr(answers, "close", None)
                    if close is not None:
                        scope.run(close)

            return rebuilt(handler, answer_many)
        one = handler.stream_unary or handler.unary_unary

        def answer_one(request: Any, context: grpc.ServicerContext) -> Any:
            return self._scope(context).run(one, request, context)

        return rebuilt(handler, answer_one)

    def _scope(self, context: grpc.ServicerContext) -> contextvars.Context:
        """The context to run the handler in; ends the call when there is no
        session."""
        outcome = self._authenticator.check(
            authorization_of(context.invocation_metadata())
        )
        if isinstance(outcome, Refusal):
            context.abort(outcome.code, outcome.message)
        scope = contextvars.copy_context()
        scope.run(_sessions._current.set, outcome)
        return scope


def authorization_of(metadata: Iterable[Any] | None) -> list[str]:
    """The values of "authorization" in a call's metadata."""
    return [
        value
        for key, value in metadata or ()
        if key == "authorization" and isinstance(value, str)
    ]


def rebuilt(handler: Any, behavior: Callable[..., Any]) -> Any:
    """The same handler with another function."""
    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[(bool(handler.request_streaming), bool(handler.response_streaming))]
    return make(
        behavior,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )

#!/usr/bin/env python3
"""Makes the calls that tests/conformance asks for, with wxident.aio.

One request a line on stdin, {"id": 1, "op": "call", "args": {...}}; one answer
a line on stdout, in any order, {"id": 1, "ok": {...}} or {"id": 1, "error":
{...}}. Logs go to stderr.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

# The client of this checkout, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

import grpc
import grpc.aio
from google.protobuf import json_format

import wxident
import wxident.aio
from wxident.v1 import identity_service_pb2 as pb

Json = dict[str, Any]

_traceparent: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "traceparent", default=None
)


def trace_context() -> dict[str, str]:
    """The traceparent that the request being worked on brought."""
    value = _traceparent.get()
    return {} if value is None else {"traceparent": value}


def given(request: Any, *fields: str) -> Json:
    """The fields that a request has set, as keyword arguments."""
    there = {descriptor.name for descriptor, _ in request.ListFields()}
    return {
        field: getattr(request, field)
        for field in fields
        if field in there or (_in_oneof(request, field) and request.HasField(field))
    }


def _in_oneof(request: Any, field: str) -> bool:
    return request.DESCRIPTOR.fields_by_name[field].containing_oneof is not None


def chosen(request: Any, oneof: str) -> Any:
    """What a oneof of messages holds; None when nothing is set."""
    which = request.WhichOneof(oneof)
    return None if which is None else getattr(request, which)


Caller = Callable[[wxident.aio.Client, Any, Any], Awaitable[Any]]

METHODS: dict[str, tuple[type[Any], Caller]] = {
    "Login": (
        pb.LoginRequest,
        lambda client, request, timeout: client.login(
            request.app_id,
            session_ttl=(
                request.session_ttl.ToTimedelta()
                if request.HasField("session_ttl")
                else None
            ),
            timeout=timeout,
            **given(request, "mini_program_code", "oauth_code"),
        ),
    ),
    "ValidateSession": (
        pb.ValidateSessionRequest,
        lambda client, request, timeout: client.validate_session(
            request.session_token, strong=request.strong, timeout=timeout
        ),
    ),
    "RefreshSession": (
        pb.RefreshSessionRequest,
        lambda client, request, timeout: client.refresh_session(
            request.session_token, timeout=timeout
        ),
    ),
    "RevokeSession": (
        pb.RevokeSessionRequest,
        lambda client, request, timeout: client.revoke_session(
            timeout=timeout, **given(request, "session_token", "user_id")
        ),
    ),
    "CheckSessionKey": (
        pb.CheckSessionKeyRequest,
        lambda client, request, timeout: client.check_session_key(
            request.session_token, timeout=timeout
        ),
    ),
    "DecryptPhone": (
        pb.DecryptPhoneRequest,
        lambda client, request, timeout: client.decrypt_phone(
            request.session_token,
            timeout=timeout,
            **given(request, "encrypted", "phone_code"),
        ),
    ),
    "DecryptUserData": (
        pb.DecryptUserDataRequest,
        lambda client, request, timeout: client.decrypt_user_data(
            request.session_token,
            encrypted_data=request.encrypted_data,
            iv=request.iv,
            timeout=timeout,
        ),
    ),
    "GetUserInfo": (
        pb.GetUserInfoRequest,
        lambda client, request, timeout: client.get_user_info(
            source=chosen(request, "source"),
            timeout=timeout,
            **given(request, "session_token", "identity_ref", "language"),
        ),
    ),
    "GetAccessToken": (
        pb.GetAccessTokenRequest,
        lambda client, request, timeout: client.get_access_token(
            request.app_id,
            kind=chosen(request, "kind"),
            timeout=timeout,
            **given(request, "rejected_access_token"),
        ),
    ),
    "GetJsapiSignature": (
        pb.GetJsapiSignatureRequest,
        lambda client, request, timeout: client.get_jsapi_signature(
            request.app_id, request.url, timeout=timeout
        ),
    ),
    "GetAuthorizeUrl": (
        pb.GetAuthorizeUrlRequest,
        lambda client, request, timeout: client.get_authorize_url(
            request.app_id,
            redirect_uri=request.redirect_uri,
            scope=request.scope,
            state=request.state,
            timeout=timeout,
        ),
    ),
    "GetUser": (
        pb.GetUserRequest,
        lambda client, request, timeout: client.get_user(
            timeout=timeout,
            **given(request, "user_id", "identity_ref", "union_ref"),
        ),
    ),
    "BatchGetUsers": (
        pb.BatchGetUsersRequest,
        lambda client, request, timeout: client.batch_get_users(
            identity_refs=request.identity_refs,
            user_ids=request.user_ids,
            refresh_followers=request.refresh_followers,
            timeout=timeout,
        ),
    ),
}


def who() -> Json:
    """The session that the handler finds."""
    session = wxident.aio.current_session()
    if session is None:
        return {}
    return {
        "user_id": session.user.user_id,
        "openid": session.identity.openid,
    }


class Authenticated:
    """An ASGI application and a gRPC server behind the client's authenticator."""

    def __init__(self, client: wxident.aio.Client, strong: bool) -> None:
        self._authenticator = wxident.aio.SessionAuthenticator(client, strong=strong)
        self._application = wxident.aio.AsgiMiddleware(
            self._answer, self._authenticator
        )
        self._starting = asyncio.Lock()
        self._server: grpc.aio.Server | None = None
        self._channel: grpc.aio.Channel | None = None

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(who()).encode()})

    async def http(self, headers: dict[str, str]) -> Json:
        """One request with these headers."""
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "path": "/",
            "headers": [
                (key.lower().encode(), value.encode()) for key, value in headers.items()
            ],
        }
        await self._application(scope, receive, send)
        status = sent[0]["status"]
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return {"status": status, **(json.loads(body) if status == 200 else {})}

    async def grpc(self, headers: dict[str, str]) -> Json:
        """One call with these headers as metadata."""
        async with self._starting:
            if self._channel is None:
                await self._start()
        assert self._channel is not None
        am: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
        am = self._channel.unary_unary("/conformance.Who/Am")
        call = am(
            b"",
            metadata=tuple((key.lower(), value) for key, value in headers.items()),
            timeout=20,
        )
        try:
            return {"status": "OK", **json.loads(await call)}
        except grpc.aio.AioRpcError as error:
            return {"status": error.code().name}

    async def _start(self) -> None:
        async def am(request: bytes, context: Any) -> bytes:
            return json.dumps(who()).encode()

        self._server = grpc.aio.server(
            interceptors=[wxident.aio.ServerInterceptor(self._authenticator)]
        )
        self._server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    "conformance.Who", {"Am": grpc.unary_unary_rpc_method_handler(am)}
                ),
            )
        )
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        self._channel = grpc.aio.insecure_channel(
            f"127.0.0.1:{port}", (("grpc.enable_http_proxy", 0),)
        )

    async def close(self) -> None:
        """Stops the server."""
        if self._channel is not None:
            await self._channel.close()
        if self._server is not None:
            await self._server.stop(None)


class Runner:
    """The clients and what was made of them, by name."""

    def __init__(self) -> None:
        self._clients: dict[str, wxident.aio.Client] = {}
        self._sources: dict[str, wxident.aio.AccessTokenSource] = {}
        self._authenticated: dict[tuple[str, bool], Authenticated] = {}

    async def work(self, op: str, args: Json) -> Json:
        """Does one request."""
        operation = getattr(self, f"op_{op}", None)
        if operation is None:
            raise ValueError(f"there is no op {op!r}")
        answer: Json = await operation(args)
        return answer

    async def op_hello(self, args: Json) -> Json:
        """Who answers."""
        return {
            "language": "python",
            "client_version": wxident.__version__,
            "grpc_version": grpc.__version__,
        }

    async def op_open(self, args: Json) -> Json:
        """Makes a client from options."""
        options = {key: value for key, value in args.items() if value is not None}
        name = options.pop("name")
        await self._keep(
            name,
            wxident.aio.Client(
                options.pop("address", ""), trace_context=trace_context, **options
            ),
        )
        return {}

    async def op_open_env(self, args: Json) -> Json:
        """Makes a client from environment variables."""
        for variable in [name for name in os.environ if name.startswith("WXIDENT_")]:
            del os.environ[variable]
        os.environ.update(args["env"])
        await self._keep(
            args["name"], wxident.aio.Client.from_env(trace_context=trace_context)
        )
        return {}

    async def _keep(self, name: str, client: wxident.aio.Client) -> None:
        await self.op_close({"name": name})
        self._clients[name] = client

    async def op_close(self, args: Json) -> Json:
        """Closes a client and its authenticators."""
        name = args["name"]
        for key in [key for key in self._authenticated if key[0] == name]:
            await self._authenticated.pop(key).close()
        client = self._clients.pop(name, None)
        if client is not None:
            await client.close()
        return {}

    async def op_call(self, args: Json) -> Json:
        """One call."""
        request_type, caller = METHODS[args["method"]]
        request = json_format.ParseDict(args.get("request") or {}, request_type())
        timeout = args["deadline_ms"] / 1000 if "deadline_ms" in args else None
        _traceparent.set(args.get("traceparent"))
        response = await caller(self._clients[args["client"]], request, timeout)
        return {
            "response": json_format.MessageToDict(
                response, preserving_proto_field_name=True
            )
        }

    async def op_token_source(self, args: Json) -> Json:
        """Makes a token source."""
        client = self._clients[args["client"]]
        self._sources[args["name"]] = client.access_token_source(args["app_id"])
        return {}

    async def op_token_get(self, args: Json) -> Json:
        """The token of the moment."""
        timeout = args["deadline_ms"] / 1000 if "deadline_ms" in args else None
        return _token(await self._sources[args["source"]].get(timeout))

    async def op_token_reject(self, args: Json) -> Json:
        """Reports a token as refused."""
        timeout = args["deadline_ms"] / 1000 if "deadline_ms" in args else None
        source = self._sources[args["source"]]
        return _token(await source.report_rejected(args["access_token"], timeout))

    async def op_token_close(self, args: Json) -> Json:
        """Closes a token source."""
        await self._sources.pop(args["source"]).close()
        return {}

    async def op_authenticate(self, args: Json) -> Json:
        """A request through the middleware or the interceptor."""
        key = args["client"], bool(args.get("strong"))
        if key not in self._authenticated:
            self._authenticated[key] = Authenticated(self._clients[key[0]], key[1])
        behind = self._authenticated[key]
        headers = args.get("headers") or {}
        if args["kind"] == "grpc":
            return await behind.grpc(headers)
        return await behind.http(headers)

    async def close(self) -> None:
        """Closes everything."""
        for source in self._sources.values():
            await source.close()
        for name in list(self._clients):
            await self.op_close({"name": name})


def _token(token: wxident.AccessToken) -> Json:
    return {
        "access_token": token.access_token,
        "generation": str(token.generation),
    }


def error_answer(error: BaseException) -> Json:
    """What an error has to say."""
    if not isinstance(error, wxident.WxidentError):
        # Of the driver or of this program; no error of the client's.
        logging.exception("a request could not be worked on")
        return {
            "reason": "",
            "code": "INTERNAL",
            "message": f"{type(error).__name__}: {error}",
            "kind": "",
        }
    answer: Json = {
        "reason": error.reason_name,
        "code": error.code.name,
        "message": str(error),
        "kind": type(error).__name__,
    }
    if error.request_id:
        answer["request_id"] = error.request_id
    if "errcode" in error.metadata:
        answer["errcode"] = error.metadata["errcode"]
    if error.retry_after is not None:
        answer["retry_after_ms"] = round(error.retry_after.total_seconds() * 1000)
    if error.violations:
        answer["violations"] = [violation.field for violation in error.violations]
    return answer


async def main() -> int:
    """Works until "exit" or the end of stdin."""
    runner = Runner()
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, b"")

    # In a thread, because stdin may be a file.
    threading.Thread(target=read, daemon=True).start()
    tasks: set[asyncio.Task[None]] = set()

    def say(answer: Json) -> None:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    async def work(ident: Any, op: str, args: Json) -> None:
        try:
            answer = {"id": ident, "ok": await runner.work(op, args)}
        except Exception as error:
            answer = {"id": ident, "error": error_answer(error)}
        say(answer)

    while line := await lines.get():
        if not line.strip():
            continue
        request = json.loads(line)
        op, args = request["op"], request.get("args") or {}
        if op == "exit":
            await runner.close()
            if tasks:
                await asyncio.wait(tasks)
            say({"id": request["id"], "ok": {}})
            return 0
        task = asyncio.create_task(work(request["id"], op, args))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await runner.close()
    return 0


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    code = asyncio.run(main())
    sys.stdout.flush()
    # The thread that reads stdin may hold it.
    os._exit(code)

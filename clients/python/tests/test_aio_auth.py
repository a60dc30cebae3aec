"""The asyncio session authenticator, for ASGI and for gRPC."""

import asyncio
from datetime import timedelta

import grpc
import grpc.aio
import pytest
from conftest import APP

import wxident
import wxident.aio


async def test_one_call_a_second_and_one_at_once(fake, alice, aio):
    authenticator = wxident.aio.SessionAuthenticator(aio)
    now = 5.0
    authenticator._cache.clock = lambda: now
    token = alice.session()
    sessions = await asyncio.gather(
        *(authenticator.authenticate(token) for _ in range(64))
    )
    assert {session.user.user_id for session in sessions} == {alice.user_id}
    assert len(fake.calls()) == 1
    fake.revoke(token)
    now += 0.99
    assert await authenticator.authenticate(token)
    now += 0.01
    assert await authenticator.authenticate(token) is None
    assert len(fake.calls()) == 2


async def test_strong_asks_each_time(fake, alice, aio):
    authenticator = wxident.aio.SessionAuthenticator(aio, strong=True)
    token = alice.session()
    for _ in range(3):
        assert await authenticator.authenticate(token)
    assert [call.request.strong for call in fake.calls()] == [True] * 3


class Site:
    """An ASGI application behind the middleware."""

    def __init__(self, client, **options):
        self.seen = []
        self.app = wxident.aio.AsgiMiddleware(
            self._answer, wxident.aio.SessionAuthenticator(client, **options)
        )

    async def _answer(self, scope, receive, send):
        if scope["type"] == "lifespan":
            self.seen.append("lifespan")
            return
        session = wxident.aio.current_session()
        assert scope["wxident.session"] == session
        self.seen.append(session and session.user.user_id)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    async def request(self, *headers, **scope):
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "websocket.connect"}

        scope = {"type": "http", "method": "GET", "headers": headers, **scope}
        await self.app(scope, receive, send)
        assert wxident.aio.current_session() is None
        return sent


async def test_asgi(fake, alice, aio):
    site = Site(aio, cookie="sid")
    token = alice.session().encode()
    for header in (
        (b"authorization", b"Bearer " + token),
        (b"Cookie", b"sid=" + token),
    ):
        start, body = await site.request(header)
        assert (start["status"], body["body"]) == (200, b"fine")
    assert site.seen == [alice.user_id] * 2
    for headers in ((), ((b"authorization", b"Bearer wxs1_none"),)):
        start, body = await site.request(*headers)
        assert start["status"] == 401
        assert (b"www-authenticate", b"Bearer") in start["headers"]
        assert (b"content-length", str(len(body["body"])).encode()) in start["headers"]
    _, body = await site.request(method="HEAD")
    assert body["body"] == b""
    await site.request(type="lifespan")
    assert site.seen[2:] == ["lifespan"]


async def test_asgi_could_not_ask(fake, aio):
    site = Site(aio)
    fake.fail_next("ValidateSession", "OVERLOADED", retry_after=timedelta(seconds=7))
    start, _ = await site.request((b"authorization", b"Bearer wxs1_x"))
    assert start["status"] == 503
    assert (b"retry-after", b"7") in start["headers"]
    assert site.seen == []


async def test_asgi_anonymous(aio):
    site = Site(aio, allow_anonymous=True)
    assert (await site.request())[0]["status"] == 200
    assert site.seen == [None]
    refused = await site.request((b"authorization", b"Bearer wxs1_none"))
    assert refused[0]["status"] == 401


async def test_websockets(alice, aio):
    site = Site(aio)
    assert await site.request(type="websocket") == [
        {"type": "websocket.close", "code": 1008}
    ]
    start, _ = await site.request(
        type="websocket", extensions={"websocket.http.response": {}}
    )
    assert start["type"] == "websocket.http.response.start"
    assert start["status"] == 401
    bearer = (b"authorization", b"Bearer " + alice.session().encode())
    await site.request(bearer, type="websocket")
    assert site.seen == [alice.user_id]


def who():
    session = wxident.aio.current_session()
    return session.user.user_id.encode() if session else b"nobody"


async def unary(request, context):
    await asyncio.to_thread(who)
    return who()


async def stream(request, context):
    yield who()
    yield who()


async def writing(request, context):
    await context.write(who())


def plain(request, context):
    return who()


def plain_stream(request, context):
    yield who()
    yield who()


HANDLERS = {
    "UnaryUnary": grpc.unary_unary_rpc_method_handler(unary),
    "UnaryStream": grpc.unary_stream_rpc_method_handler(stream),
    "Writing": grpc.unary_stream_rpc_method_handler(writing),
    "StreamUnary": grpc.stream_unary_rpc_method_handler(unary),
    "StreamStream": grpc.stream_stream_rpc_method_handler(stream),
    "Plain": grpc.unary_unary_rpc_method_handler(plain),
    "PlainStream": grpc.unary_stream_rpc_method_handler(plain_stream),
    "Open": grpc.unary_unary_rpc_method_handler(unary),
}


@pytest.fixture
async def who_channel(aio):
    server = grpc.aio.server(
        interceptors=[
            wxident.aio.ServerInterceptor(
                wxident.aio.SessionAuthenticator(aio), exempt=["/test.Who/Open"]
            )
        ]
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Who", HANDLERS),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def call(channel, method, *metadata):
    path = f"/test.Who/{method}"
    options = {"metadata": metadata, "timeout": 10}
    if method in ("UnaryStream", "Writing", "PlainStream"):
        return [answer async for answer in channel.unary_stream(path)(b"", **options)]
    if method == "StreamUnary":
        return [await channel.stream_unary(path)(iter([b""]), **options)]
    if method == "StreamStream":
        answers = channel.stream_stream(path)(iter([b""]), **options)
        return [answer async for answer in answers]
    return [await channel.unary_unary(path)(b"", **options)]


@pytest.mark.parametrize("method", sorted(set(HANDLERS) - {"Open"}))
async def test_grpc(fake, alice, who_channel, method):
    bearer = ("authorization", f"Bearer {alice.session()}")
    assert set(await call(who_channel, method, bearer)) == {alice.user_id.encode()}
    for metadata in ((), (("authorization", "Bearer wxs1_none"),), (bearer, bearer)):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(who_channel, method, *metadata)
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    fake.fail_next("ValidateSession", "INTERNAL_FAULT")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(who_channel, method, ("authorization", "Bearer wxs1_x"))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_an_exempt_method(who_channel):
    assert await call(who_channel, "Open") == [b"nobody"]


async def test_calls_at_once_keep_their_people(fake, who_channel):
    people = [fake.add_user(APP, f"user{number}") for number in range(40)]
    answers = await asyncio.gather(
        *(
            call(
                who_channel,
                "Plain" if number % 2 else "UnaryUnary",
                ("authorization", f"Bearer {person.session()}"),
            )
            for number, person in enumerate(people)
        )
    )
    assert answers == [[person.user_id.encode()] for person in people]

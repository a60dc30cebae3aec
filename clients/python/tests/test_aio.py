"""The asyncio client, source and authenticator."""

import asyncio
import inspect
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio
import pytest
from conftest import APP
from test_tokens import Clock, Steps

import wxident
import wxident.aio
import wxident.fake
from wxident import _calls
from wxident.aio._tokens import AccessTokenSource


@pytest.fixture
async def aio(fake):
    async with fake.aio_client() as client:
        yield client


def released(fake):
    with fake._world.lock:
        held, fake._traffic.held = fake._traffic.held, []
        fake._world.lock.notify_all()
    return held


async def called(fake, rpc, count):
    await asyncio.to_thread(fake.wait_for_calls, rpc, count)


# The client.


def test_both_clients_have_the_same_methods():
    def methods(cls):
        return {
            name: [
                (parameter.name, parameter.kind, parameter.default)
                for parameter in inspect.signature(value).parameters.values()
            ]
            for name, value in vars(cls).items()
            if inspect.isfunction(value) and not name.startswith("_")
        }

    for name in ("Client", "AccessTokenSource", "SessionAuthenticator", "WatchStream"):
        ours = methods(getattr(wxident, name))
        assert ours == methods(getattr(wxident.aio, name)), name
        assert ours
    assert set(_calls.TIMEOUTS) < set(methods(wxident.Client))


async def test_each_method(fake, alice, aio):
    official = "wx0a1b2c3d4e5f6071"
    fake.add_app(official, kind="official_account", redirect_hosts=("example.com",))
    sealed = alice.encrypt({"purePhoneNumber": "13900000000"})
    login = await aio.login(APP, mini_program_code=alice.login_code())
    token = login.session_token
    assert (await aio.validate_session(token, strong=True)).active
    assert (await aio.refresh_session(token)).session_token
    assert (await aio.check_session_key(token)).valid
    phone = await aio.decrypt_phone(token, encrypted=sealed)
    assert phone.phone.pure_phone_number == "13900000000"
    data = await aio.decrypt_user_data(
        token, encrypted_data=sealed.encrypted_data, iv=sealed.iv
    )
    assert data.json == '{"purePhoneNumber": "13900000000"}'
    profile = wxident.EncryptedProfile(
        encrypted_data=sealed.encrypted_data, iv=sealed.iv
    )
    info = await aio.get_user_info(session_token=token, source=profile)
    assert info.user.user_id == alice.user_id
    assert (await aio.get_access_token(APP)).generation == 1
    signature = await aio.get_jsapi_signature(official, "https://example.com/")
    assert signature.app_id == official
    page = await aio.get_authorize_url(
        official, redirect_uri="https://example.com/", scope="snsapi_base", state="s"
    )
    assert official in page.url
    assert (await aio.get_user(user_id=alice.user_id)).identities[0].app_id == APP
    assert (await aio.batch_get_users(user_ids=[alice.user_id])).users[0].found
    assert (await aio.revoke_session(session_token=token)).revoked_count == 1
    rpcs = {call.rpc for call in fake.calls()}
    assert rpcs == set(_calls.UNARY_METHODS)


async def test_errors(fake, aio):
    with pytest.raises(wxident.LoginCodeInvalid) as raised:
        await aio.login(APP, mini_program_code="x")
    assert raised.value.metadata["errcode"] == "40029"
    with pytest.raises(wxident.RequestInvalid) as invalid:
        await aio.get_user()
    assert invalid.value.violations[0].field == "subject"


async def test_deadline(fake, aio):
    with fake.hold("ValidateSession"):
        with pytest.raises(wxident.WxidentError) as raised:
            await aio.validate_session("x", timeout=timedelta(milliseconds=200))
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_retries_and_push_back(fake, alice, aio):
    fake.fail_next("ValidateSession", "STORE_UNAVAILABLE", times=2)
    assert (await aio.validate_session(alice.session())).active
    assert len(fake.calls("ValidateSession")) == 3
    fake.fail_next("Login", "WECHAT_BUSY")
    with pytest.raises(wxident.WechatBusy):
        await aio.login(APP, mini_program_code=alice.login_code())
    assert len(fake.calls("Login")) == 1


async def test_trace_context_and_user_agent(fake):
    async with fake.aio_client(trace_context=lambda: {"traceparent": "00-1"}) as aio:
        await aio.validate_session("x")
    metadata = fake.calls()[0].metadata
    assert metadata["traceparent"] == "00-1"
    assert metadata["user-agent"].startswith("wxident-python/")


async def test_a_dead_address_is_left_out(fake, dead_port):
    address = f"127.0.0.1:{dead_port},{fake.address}"
    async with wxident.aio.Client(address, insecure=True) as aio:
        for _ in range(10):
            await aio.validate_session("x", timeout=10)
    assert len(fake.calls()) == 10


def test_a_client_may_be_made_before_the_loop(fake):
    aio = fake.aio_client()
    source = aio.access_token_source(APP)

    async def use():
        async with aio:
            await aio.validate_session("x")
            assert (await source.get()).generation == 1

    asyncio.run(use())


async def test_many_at_once(fake, alice, aio):
    token = alice.session()
    answers = await asyncio.gather(*(aio.validate_session(token) for _ in range(400)))
    assert all(answer.active for answer in answers)


async def test_cancelling_a_task_cancels_its_call(fake, aio):
    with fake.hold("ValidateSession"):
        task = asyncio.create_task(aio.validate_session("x", timeout=60))
        await called(fake, "ValidateSession", 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert aio._connection.calls == 0


async def test_a_closed_client(fake):
    aio = fake.aio_client()
    await aio.validate_session("x")
    with fake.hold("ValidateSession"):
        waiting = [
            asyncio.create_task(aio.validate_session("x", timeout=60)) for _ in range(4)
        ]
        await called(fake, "ValidateSession", 5)
        await aio.close()
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, wxident.WxidentError)
            assert error.code is grpc.StatusCode.CANCELLED
    await aio.close()
    with pytest.raises(wxident.WxidentError, match="client is closed"):
        await aio.validate_session("x")
    with pytest.raises(wxident.WxidentError, match="client is closed"):
        await aio.watch_access_token(APP)
    with pytest.raises(wxident.WxidentError, match="client is closed"):
        aio.access_token_source(APP)


async def test_watch(fake, aio):
    async with await aio.watch_access_token(APP) as stream:
        assert (await anext(stream)).generation == 1
        token = fake.rotate_token(APP)
        assert (await anext(stream)).access_token == token
        fake.end_streams()
        assert [message async for message in stream] == []
    stream = await aio.watch_access_token(APP)
    await anext(stream)
    fake.end_streams("APP_MISCONFIGURED")
    with pytest.raises(wxident.AppMisconfigured):
        await anext(stream)


async def test_watch_can_be_cancelled(aio):
    stream = await aio.watch_access_token(APP)
    await anext(stream)
    waiting = asyncio.create_task(anext(stream))
    asyncio.get_running_loop().call_soon(stream.cancel)
    with pytest.raises(wxident.WxidentError) as raised:
        await waiting
    assert raised.value.code is grpc.StatusCode.CANCELLED


# The token source.


class Taken:
    """Tells when a source holds what is waited for."""

    def __init__(self, source):
        self._holding = source._holding
        self._take = source._holding.take
        self._changed = asyncio.Event()
        source._holding.take = self

    def __call__(self, token, now):
        result = self._take(token, now)
        self._changed.set()
        return result

    async def until(self, generation):
        async with asyncio.timeout(10):
            while not (
                self._holding.token and self._holding.token.generation == generation
            ):
                self._changed.clear()
                await self._changed.wait()


async def test_a_source_keeps_up(fake, aio):
    async with AccessTokenSource(aio, APP, back_off=Steps(0)) as source:
        taken = Taken(source)
        first = await source.get()
        assert first.generation == 1
        assert await source.get() is first
        fake.rotate_token(APP)
        await taken.until(2)
        fake.end_streams()
        await called(fake, "WatchAccessToken", 2)
        fake.rotate_token(APP)
        await taken.until(3)
        fake.stop()
        assert (await source.get()).generation == 3
        fake.rotate_token(APP)
        fake.start()
        await taken.until(4)
    assert fake.calls("GetAccessToken") == []


async def test_get_waits_for_the_first(fake, aio):
    with fake.hold("WatchAccessToken"):
        source = aio.access_token_source(APP)
        waiting = [asyncio.create_task(source.get(20)) for _ in range(8)]
        await called(fake, "WatchAccessToken", 1)
        with pytest.raises(wxident.WxidentError) as raised:
            await source.get(0.05)
        assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
        held = released(fake)
        assert {token.generation for token in await asyncio.gather(*waiting)} == {1}
        fake._traffic.held = held
    assert fake.calls("GetAccessToken") == []


async def test_without_a_stream_get_asks_when_60_s_are_left(fake, aio):
    clock = Clock()
    fake._world.now = clock
    async with AccessTokenSource(aio, APP, now=clock, back_off=Steps()) as source:
        await source.get()
        ended = asyncio.Event()
        source._pause = lambda seconds: ended.set() or asyncio.Event().wait()
        fake.end_streams()
        await asyncio.wait_for(ended.wait(), 10)
        clock.now += timedelta(seconds=7200 - 61)
        assert (await source.get()).generation == 1
        assert fake.calls("GetAccessToken") == []
        clock.now += timedelta(seconds=1)
        fake.rotate_token(APP)
        tokens = await asyncio.gather(*(source.get() for _ in range(32)))
        assert {token.generation for token in tokens} == {2}
        assert len(fake.calls("GetAccessToken")) == 1


async def test_reports_share_a_call(fake, aio):
    async with aio.access_token_source(APP) as source:
        dead = await source.get()
        tokens = await asyncio.gather(
            *(source.report_rejected(dead) for _ in range(32))
        )
        assert {token.generation for token in tokens} == {2}
        assert len(fake.calls("GetAccessToken")) == 1
        request = fake.calls("GetAccessToken")[0].request
        assert request.rejected_access_token == dead.access_token


async def test_who_gives_up_leaves_the_call_to_the_others(fake, aio):
    async with aio.access_token_source(APP) as source:
        dead = await source.get()
        with fake.hold("GetAccessToken"):
            first = asyncio.create_task(source.report_rejected(dead))
            await called(fake, "GetAccessToken", 1)
            second = asyncio.create_task(source.report_rejected(dead))
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            held = released(fake)
            assert (await second).generation == 2
            fake._traffic.held = held
    assert len(fake.calls("GetAccessToken")) == 1


async def test_the_reason_when_there_is_no_token(aio):
    async with aio.access_token_source("wxffffffffffffffff") as source:
        with pytest.raises(wxident.AppUnknown):
            await source.get()


@pytest.mark.parametrize("closer", ["source", "client"])
async def test_close(fake, aio, closer):
    with fake.hold("WatchAccessToken"):
        source = aio.access_token_source(APP)
        waiting = asyncio.create_task(source.get(60))
        await called(fake, "WatchAccessToken", 1)
        await (source if closer == "source" else aio).close()
        with pytest.raises(wxident.WxidentError, match="token source is closed"):
            await waiting
    assert source._task.done()
    with pytest.raises(wxident.WxidentError, match="token source is closed"):
        await source.report_rejected("x")


# The authenticator.


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


async def test_a_token_expires_in_utc(aio):
    token = await aio.access_token_source(APP).get()
    assert token.expire_time.tzinfo is UTC
    assert token.expire_time > datetime.now(UTC)

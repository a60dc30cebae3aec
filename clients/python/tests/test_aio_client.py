"""The asyncio client."""

import asyncio
import inspect
from datetime import timedelta

import grpc
import pytest
from conftest import APP, called

import wxident
import wxident.aio
from wxident import _calls


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
    assert [each.calls for each in aio._connections._current] == [0]


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

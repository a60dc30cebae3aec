import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest
from conftest import APP

import wxident
import wxident.fake
from wxident import (
    EncryptedProfile,
    FollowerProfile,
    IdentityRef,
    OauthProfile,
    StoredProfile,
    UnionRef,
    UserInfo,
    WebAccessToken,
    _calls,
)

OFFICIAL = "wx0a1b2c3d4e5f6071"


def ref(user):
    return IdentityRef(app_id=user.app_id, openid=user.openid)


# Each method.


def test_login_and_session(fake, alice, client):
    code = alice.login_code()
    login = client.login(APP, mini_program_code=code, session_ttl=timedelta(seconds=90))
    assert login.new_user
    assert login.user.user_id == alice.user_id
    assert login.identity.openid == alice.openid
    again = client.login(APP, mini_program_code=code)
    assert again.session_token == login.session_token
    assert fake.calls("Login")[0].request.session_ttl.seconds == 90

    answer = client.validate_session(login.session_token, strong=True)
    assert answer.active
    assert answer.session.user.user_id == alice.user_id
    assert fake.calls("ValidateSession")[0].request.strong

    new = client.refresh_session(login.session_token)
    assert new.session_token != login.session_token
    assert client.check_session_key(new.session_token).valid
    assert client.revoke_session(session_token=new.session_token).revoked_count == 1
    assert not client.validate_session(new.session_token).active
    assert client.revoke_session(user_id=alice.user_id).revoked_count == 1


def test_open_data(alice, client):
    token = alice.session()
    sealed = alice.encrypt({"purePhoneNumber": "13900000000", "countryCode": "86"})
    phone = client.decrypt_phone(token, encrypted=sealed).phone
    assert phone.pure_phone_number == "13900000000"
    code = alice.phone_code()
    assert client.decrypt_phone(token, phone_code=code).phone.country_code == "86"
    with pytest.raises(wxident.LoginCodeConsumed):
        client.decrypt_phone(token, phone_code=code)
    steps = alice.encrypt({"stepInfoList": []})
    data = client.decrypt_user_data(
        token, encrypted_data=steps.encrypted_data, iv=steps.iv
    )
    assert data.json == '{"stepInfoList": []}'
    with pytest.raises(wxident.DecryptRejected):
        client.decrypt_user_data(token, encrypted_data="AAAA", iv=steps.iv)


def test_profiles(fake, alice, client):
    token = alice.session()
    with pytest.raises(wxident.ProfileNotFound):
        client.get_user_info(session_token=token, source=StoredProfile())
    sealed = alice.encrypt({"nickName": "Alice"})
    profile = EncryptedProfile(encrypted_data=sealed.encrypted_data, iv=sealed.iv)
    info = client.get_user_info(session_token=token, source=profile)
    assert info.user_info.nickname == "Alice"
    stored = client.get_user_info(
        identity_ref=ref(alice), source=StoredProfile(), language="en"
    )
    assert stored.user_info.nickname == "Alice"
    fake.set_profile(alice, UserInfo(nickname="Ally"))
    for source in (OauthProfile(), FollowerProfile()):
        answer = client.get_user_info(session_token=token, source=source)
        assert answer.user_info.nickname == "Ally"
    with pytest.raises(TypeError, match="source"):
        client.get_user_info(session_token=token, source="stored")


def test_tokens_and_pages(fake, alice, client):
    fake.add_app(OFFICIAL, kind="official_account", redirect_hosts=("example.com",))
    first = client.get_access_token(APP)
    assert first.generation == 1
    second = client.get_access_token(APP, rejected_access_token=first.access_token)
    assert second.generation == 2
    web = client.get_access_token(APP, kind=WebAccessToken(identity_ref=ref(alice)))
    assert web.generation == 0
    signature = client.get_jsapi_signature(OFFICIAL, "https://example.com/a#b")
    assert len(signature.signature) == 40
    page = client.get_authorize_url(
        OFFICIAL,
        redirect_uri="https://example.com/back",
        scope="snsapi_base",
        state="s1",
    )
    assert page.url.endswith("&scope=snsapi_base&state=s1#wechat_redirect")
    with pytest.raises(TypeError, match="kind"):
        client.get_access_token(APP, kind="web")


def test_users(fake, alice, client):
    fake.add_app(OFFICIAL, kind="official_account")
    there_too = fake.add_user(OFFICIAL, "alice")
    assert there_too.user_id == alice.user_id
    bob = fake.add_user(APP, "bob")
    union = UnionRef(app_id=APP, unionid=alice.unionid)
    for subject in (
        {"user_id": alice.user_id},
        {"identity_ref": ref(there_too)},
        {"union_ref": union},
    ):
        answer = client.get_user(**subject)
        assert answer.user.user_id == alice.user_id
        assert len(answer.identities) == 2
    nobody = IdentityRef(app_id=APP, openid="nobody")
    found = client.batch_get_users(
        identity_refs=[ref(bob), nobody, ref(alice)], refresh_followers=True
    )
    assert [user.found for user in found.users] == [True, False, True]
    assert found.users[0].user.user_id == bob.user_id
    by_id = client.batch_get_users(user_ids=(u.user_id for u in (alice, bob)))
    assert [user.found for user in by_id.users] == [True, True]
    with pytest.raises(TypeError, match="user_ids"):
        client.batch_get_users(user_ids=alice.user_id)
    elsewhere = IdentityRef(app_id="wx0", openid="o")
    mixed = client.batch_get_users(identity_refs=[elsewhere, ref(alice)])
    assert mixed.users[0].error.reason == "APP_UNKNOWN"
    assert mixed.users[1].found and not mixed.users[1].HasField("error")
    mixed = client.batch_get_users(user_ids=["7", alice.user_id])
    assert mixed.users[0].error.reason == "REQUEST_INVALID"
    assert mixed.users[1].found


def test_what_is_missing_is_for_the_server_to_say(fake, client):
    with pytest.raises(wxident.RequestInvalid) as raised:
        client.login(APP)
    assert [violation.field for violation in raised.value.violations] == ["credential"]
    with pytest.raises(wxident.AppUnknown) as unknown:
        client.login("wxffffffffffffffff", mini_program_code="x")
    assert [violation.field for violation in unknown.value.violations] == ["app_id"]
    for call in (client.revoke_session, client.get_user, client.get_user_info):
        with pytest.raises(wxident.RequestInvalid):
            call()
    assert len(fake.calls()) == 5


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("login", {"app_id": APP, "mini_program_code": "a", "oauth_code": "b"}),
        ("revoke_session", {"session_token": "a", "user_id": "b"}),
        ("get_user", {"user_id": "a", "union_ref": UnionRef()}),
        ("get_user_info", {"session_token": "a", "identity_ref": IdentityRef()}),
    ],
)
def test_one_of_two(client, method, arguments):
    with pytest.raises(TypeError, match="not both"):
        getattr(client, method)(**arguments)


# Deadlines.


def test_default_timeouts():
    assert {
        name: timeout for name, timeout in _calls.TIMEOUTS.items() if timeout != 5
    } == {
        "validate_session": 2,
        "revoke_session": 2,
        "refresh_session": 2,
        "get_user": 2,
        "get_authorize_url": 2,
        "batch_get_users": 3,
    }
    assert _calls.batch_get_users((), (), True).timeout == 10
    assert _calls.batch_get_users((), (), False).timeout == 3


def test_timeouts_reach_the_server(fake, monkeypatch):
    left = []
    begin = fake._traffic.begin

    def record(rpc, request, context):
        left.append(context.time_remaining())
        begin(rpc, request, context)

    monkeypatch.setattr(fake._traffic, "begin", record)
    client = fake.client(timeouts={"get_user": timedelta(seconds=40)})
    client.validate_session("x")
    client.validate_session("x", timeout=20)
    with pytest.raises(wxident.RequestInvalid):
        client.get_user()
    assert 1 < left[0] < 2.5
    assert 19 < left[1] < 21
    assert 39 < left[2] < 41


def test_a_passed_deadline(fake, client):
    with fake.hold("ValidateSession"):
        with pytest.raises(wxident.WxidentError) as raised:
            client.validate_session("x", timeout=0.2)
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert raised.value.reason is wxident.Reason.UNSPECIFIED
    assert "longer timeout" in raised.value.message


# Metadata.


def test_trace_context_and_user_agent(fake):
    contexts = iter(
        [
            {"traceparent": "00-1", "tracestate": "a=b", "authorization": "no"},
            {"traceparent": "00-2"},
            None,
        ]
    )
    client = fake.client(trace_context=lambda: next(contexts))
    for _ in range(3):
        client.validate_session("x")
    first, second, third = (call.metadata for call in fake.calls())
    assert (first["traceparent"], first["tracestate"]) == ("00-1", "a=b")
    assert "authorization" not in first
    assert second["traceparent"] == "00-2"
    assert "tracestate" not in second
    assert "traceparent" not in third
    assert first["user-agent"].startswith(f"wxident-python/{wxident.__version__} ")


# The stream.


def test_watch(fake, client):
    with client.watch_access_token(APP) as stream:
        assert next(stream).generation == 1
        token = fake.rotate_token(APP)
        assert next(stream).access_token == token
        fake.end_streams()
        assert list(stream) == []


def test_watch_ends_with_a_reason(fake, client):
    stream = client.watch_access_token(APP)
    next(stream)
    fake.end_streams("APP_MISCONFIGURED")
    with pytest.raises(wxident.AppMisconfigured):
        next(stream)


def test_watch_can_be_cancelled_from_another_thread(client):
    stream = client.watch_access_token(APP)
    next(stream)
    threading.Thread(target=stream.cancel).start()
    with pytest.raises(wxident.WxidentError) as raised:
        next(stream)
    assert raised.value.code is grpc.StatusCode.CANCELLED


def test_watch_with_a_timeout(client):
    stream = client.watch_access_token(APP, timeout=0.3)
    next(stream)
    with pytest.raises(wxident.WxidentError) as raised:
        next(stream)
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


# The end.


def test_a_closed_client(fake, client):
    client.validate_session("x")
    client.close()
    client.close()
    for call in (
        lambda: client.validate_session("x"),
        lambda: client.watch_access_token(APP),
        lambda: client.access_token_source(APP),
    ):
        with pytest.raises(wxident.WxidentError) as raised:
            call()
        assert raised.value.code is grpc.StatusCode.CANCELLED
        assert "closed" in raised.value.message


def test_close_ends_calls_that_wait(fake, client):
    with ThreadPoolExecutor(8) as pool, fake.hold("ValidateSession"):
        waiting = [
            pool.submit(client.validate_session, "x", timeout=60) for _ in range(8)
        ]
        fake.wait_for_calls("ValidateSession", 8)
        client.close()
        for call in waiting:
            error = call.exception(timeout=10)
            assert isinstance(error, wxident.WxidentError)
            assert error.code is grpc.StatusCode.CANCELLED


def test_calls_race_with_close(fake):
    for _ in range(10):
        client = fake.client()
        client.validate_session("x")
        gate = threading.Barrier(9)

        def call(client=client, gate=gate):
            gate.wait()
            return client.validate_session("x")

        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(call) for _ in range(8)]
            gate.wait()
            client.close()
        for made in calls:
            error = made.exception()
            assert error is None or (
                isinstance(error, wxident.WxidentError)
                and error.code is grpc.StatusCode.CANCELLED
            )


def test_threads_share_a_client(fake, alice, client):
    token = alice.session()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.validate_session(token), range(400)))
    assert all(answer.active for answer in answers)
    assert len(fake.calls()) == 400

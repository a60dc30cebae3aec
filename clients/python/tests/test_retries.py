"""Which calls are repeated, how often and when."""

import time
from datetime import timedelta

import pytest
from conftest import APP

import wxident
from wxident import _calls


@pytest.mark.parametrize("method", sorted(_calls.TIMEOUTS))
def test_each_unary_call_is_repeated(fake, client, method):
    rpc = "".join(part.capitalize() for part in method.split("_"))
    fake.fail_next(rpc, "STORE_UNAVAILABLE", times=2)
    arguments = {
        "login": {"app_id": ""},
        "get_access_token": {"app_id": ""},
        "get_jsapi_signature": {"app_id": "", "url": ""},
        "get_authorize_url": {
            "app_id": "",
            "redirect_uri": "",
            "scope": "",
            "state": "",
        },
        "decrypt_user_data": {"session_token": "", "encrypted_data": "", "iv": ""},
    }
    with_token = {
        "validate_session",
        "refresh_session",
        "check_session_key",
        "decrypt_phone",
    }
    given = {"session_token": ""} if method in with_token else arguments.get(method, {})
    if method == "batch_get_users":
        client.batch_get_users()
    else:
        with pytest.raises(wxident.RequestInvalid):
            getattr(client, method)(**given)
    assert len(fake.calls(rpc)) == 3
    assert fake.calls(rpc)[2].metadata["grpc-previous-rpc-attempts"] == "2"


@pytest.mark.parametrize("reason", ["STORE_UNAVAILABLE", "AUDIT_UNAVAILABLE"])
def test_three_tries_and_no_more(fake, client, reason):
    fake.fail_next("GetUser", reason, times=9)
    with pytest.raises(wxident.WxidentError):
        client.get_user(user_id="x")
    assert len(fake.calls("GetUser")) == 3


@pytest.mark.parametrize(
    "reason",
    [
        "OVERLOADED",
        "CALLER_NOT_ALLOWED",
        "CALLER_RATE_LIMITED",
        "CALLER_UNAUTHENTICATED",
        "SESSION_RATE_LIMITED",
        "INTERNAL_FAULT",
        "TAMPERED",
    ],
)
def test_only_unavailable_is_repeated(fake, client, reason):
    fake.fail_next("GetUser", reason)
    with pytest.raises(wxident.WxidentError):
        client.get_user(user_id="x")
    assert len(fake.calls("GetUser")) == 1


@pytest.mark.parametrize("reason", ["WECHAT_BUSY", "OUTCOME_UNKNOWN"])
def test_push_back_forbids_a_repeat(fake, alice, client, reason):
    fake.fail_next("Login", reason)
    with pytest.raises(wxident.WxidentError) as raised:
        client.login(APP, mini_program_code=alice.login_code())
    assert raised.value.reason_name == reason
    assert len(fake.calls("Login")) == 1


def test_push_back_says_when_to_repeat(fake, alice, client):
    fake.fail_next(
        "ValidateSession", "STORE_UNAVAILABLE", retry_after=timedelta(seconds=0.5)
    )
    begun = time.monotonic()
    assert client.validate_session(alice.session()).active
    # The policy alone would wait 0.12 s at most.
    assert time.monotonic() - begun >= 0.45
    assert len(fake.calls("ValidateSession")) == 2


def test_retries_are_throttled(fake, client):
    fake.fail_next("GetUser", "STORE_UNAVAILABLE", times=100)
    for _ in range(8):
        with pytest.raises(wxident.StoreUnavailable):
            client.get_user(user_id="x")
    # 10 tokens, one for each failure, and no retry below 5: not 24.
    assert len(fake.calls("GetUser")) < 16


def test_the_watch_is_not_repeated(fake, client):
    fake.fail_next("WatchAccessToken", "STORE_UNAVAILABLE")
    with pytest.raises(wxident.StoreUnavailable):
        next(client.watch_access_token(APP))
    assert len(fake.calls("WatchAccessToken")) == 1

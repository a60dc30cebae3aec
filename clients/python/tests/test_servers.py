"""Several servers, and servers that are away."""

import time

import grpc
import pytest

import wxident
import wxident.fake


def test_a_dead_address_is_left_out(fake, client, dead_port):
    both = wxident.Client(f"127.0.0.1:{dead_port},{fake.address}", insecure=True)
    with both:
        for _ in range(20):
            both.validate_session("x", timeout=10)
    assert len(fake.calls()) == 20


def test_calls_go_round_and_leave_who_is_not_serving():
    with wxident.fake.FakeServer() as one, wxident.fake.FakeServer() as two:
        address = f"{one.address},{two.address}"
        with wxident.Client(address, insecure=True) as client:
            # A server takes part from when its health is known.
            end = time.monotonic() + 10
            while not (one.calls() and two.calls()):
                assert time.monotonic() < end
                client.validate_session("x")
            before = len(one.calls()), len(two.calls())
            for _ in range(10):
                client.validate_session("x")
            assert len(one.calls()) - before[0] == 5
            assert len(two.calls()) - before[1] == 5

            one.set_serving(False)
            quiet = 0
            end = time.monotonic() + 10
            while quiet < 10:
                assert time.monotonic() < end
                seen = len(one.calls())
                client.validate_session("x")
                quiet = quiet + 1 if len(one.calls()) == seen else 0
            seen = len(one.calls())
            for _ in range(10):
                client.validate_session("x")
            assert len(one.calls()) == seen


def test_a_restarted_server_is_found_again(fake, alice, client):
    token = alice.session()
    assert client.validate_session(token).active
    fake.stop()
    with pytest.raises(wxident.WxidentError) as raised:
        client.validate_session(token)
    assert raised.value.code is grpc.StatusCode.UNAVAILABLE
    assert raised.value.reason is wxident.Reason.UNSPECIFIED
    fake.start()
    answered = False
    end = time.monotonic() + 10
    while not answered and time.monotonic() < end:
        try:
            answered = client.validate_session(token, timeout=10).active
        except wxident.WxidentError as error:
            assert error.code is grpc.StatusCode.UNAVAILABLE
    assert answered


def test_nobody_there(dead_port):
    with wxident.Client(f"127.0.0.1:{dead_port}", insecure=True) as client:
        with pytest.raises(wxident.WxidentError) as raised:
            client.validate_session("x")
    assert raised.value.code is grpc.StatusCode.UNAVAILABLE
    assert "check the address" in raised.value.message

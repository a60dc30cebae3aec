import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from conftest import APP

import wxident
import wxident.fake
from wxident.tokens import AccessToken, AccessTokenSource, BackOff, Holding

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def token(generation, name=None, life=7200):
    return AccessToken(
        name or f"t{generation}", NOW + timedelta(seconds=life), generation
    )


# Which token is held.


def test_a_higher_generation_replaces():
    holding = Holding()
    for generation in (0, 1, 5, 5, 6):
        new = token(generation, f"n{generation}")
        assert holding.take(new, NOW) is new
        assert holding.token is new


def test_a_lower_generation_does_not():
    holding = Holding()
    held = holding.take(token(5), NOW)
    assert holding.take(token(4), NOW) is held
    assert holding.take(token(0), NOW) is held
    assert holding.token is held


def test_generation_0_replaces_what_is_about_to_expire():
    holding = Holding()
    holding.take(token(5, life=60), NOW)
    assert holding.take(token(0), NOW) is holding.token
    assert holding.token.generation == 0


def test_generation_0_replaces_what_was_rejected():
    holding = Holding()
    held = holding.take(token(5), NOW)
    holding.reject("another")
    assert holding.take(token(0), NOW) is held
    holding.reject("t5")
    assert holding.take(token(0), NOW).generation == 0
    assert holding.token.generation == 0


def test_a_lower_generation_is_used_and_not_held_when_nothing_better_is_there():
    holding = Holding()
    held = holding.take(token(5, life=30), NOW)
    assert holding.take(token(4), NOW).generation == 4
    assert holding.token is held


def test_a_rejected_token_that_the_server_gives_again_is_good():
    holding = Holding()
    holding.take(token(5), NOW)
    holding.reject("t5")
    holding.take(token(5), NOW)
    assert holding.take(token(0), NOW).generation == 5


def test_a_token_is_not_printed():
    assert "t7" not in repr(token(7))


# The back-off.


def test_back_off_doubles_up_to_5_s(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: (low, high))
    back_off = BackOff()
    waits = [back_off.next(0) for _ in range(8)]
    assert [low for low, _ in waits] == [0] * 8
    assert [high for _, high in waits] == pytest.approx(
        [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]
    )
    assert back_off.next(1) == (0, 5)
    assert back_off.next(60) == (0, pytest.approx(0.1))


class Steps(BackOff):
    """Lets the stream be opened again when told, and counts its ends."""

    def __init__(self, wait=60.0):
        super().__init__()
        self.ended = threading.Semaphore(0)
        self.wait = wait

    def next(self, lasted):
        self.ended.release()
        return self.wait


class Clock:
    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now


def held(source, what):
    """Waits until what the source holds is so."""
    with source._changed:
        there = source._changed.wait_for(
            lambda: source._holding.token is not None and what(source._holding.token),
            10,
        )
    assert there


@pytest.fixture
def source(client):
    with client.access_token_source(APP) as made:
        yield made


def test_from_memory(fake, source):
    first = source.get()
    assert first.generation == 1
    assert first.expire_time - datetime.now(UTC) > timedelta(hours=1)
    assert [source.get() for _ in range(50)] == [first] * 50
    assert fake.calls("GetAccessToken") == []
    assert len(fake.calls("WatchAccessToken")) == 1


def test_a_new_token_arrives_by_itself(fake, source):
    source.get()
    new = fake.rotate_token(APP)
    held(source, lambda token: token.generation == 2)
    assert source.get().access_token == new


def test_get_waits_for_the_first(fake, client):
    with fake.hold("WatchAccessToken"):
        source = client.access_token_source(APP)
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(source.get, 20) for _ in range(8)]
            fake.wait_for_calls("WatchAccessToken", 1)
            with pytest.raises(wxident.WxidentError) as raised:
                source.get(0.1)
            assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
            assert not any(call.done() for call in waiting)
            with fake._world.lock:
                fake._traffic.held.clear()
                fake._world.lock.notify_all()
            assert {call.result().generation for call in waiting} == {1}
            fake._traffic.held.append("WatchAccessToken")
    assert fake.calls("GetAccessToken") == []


def test_a_stream_that_ends_is_opened_again(fake, client):
    with AccessTokenSource(client, APP, back_off=Steps(0)) as source:
        source.get()
        for generation, reason in ((2, None), (3, "STORE_UNAVAILABLE")):
            fake.end_streams(reason)
            fake.wait_for_calls("WatchAccessToken", generation)
            fake.rotate_token(APP)
            held(source, lambda token, want=generation: token.generation == want)
    assert fake.calls("GetAccessToken") == []


def test_a_restarted_server(fake, client, source):
    source.get()
    fake.stop()
    # From memory meanwhile.
    assert source.get().generation == 1
    fake.rotate_token(APP)
    fake.start()
    held(source, lambda token: token.generation == 2)
    assert source.get().generation == 2


def test_without_a_stream_get_asks_when_60_s_are_left(fake, client):
    clock, steps = Clock(), Steps()
    fake._world.now = clock
    with AccessTokenSource(client, APP, now=clock, back_off=steps) as source:
        assert source.get().generation == 1
        fake.end_streams()
        assert steps.ended.acquire(timeout=10)
        with source._changed:
            assert source._changed.wait_for(lambda: not source._streaming, 10)
        clock.now += timedelta(seconds=7200 - 61)
        assert source.get().generation == 1
        assert fake.calls("GetAccessToken") == []
        clock.now += timedelta(seconds=1)
        fake.rotate_token(APP)
        with fake.hold("GetAccessToken"), ThreadPoolExecutor(16) as pool:
            calls = [pool.submit(source.get) for _ in range(16)]
            fake.wait_for_calls("GetAccessToken", 1)
            # One more joins the call that is under way.
            with pytest.raises(wxident.WxidentError):
                source.get(0.05)
            with fake._world.lock:
                fake._traffic.held.clear()
                fake._world.lock.notify_all()
            assert {call.result().generation for call in calls} == {2}
            fake._traffic.held.append("GetAccessToken")
        assert len(fake.calls("GetAccessToken")) == 1
        assert source.get().generation == 2
        assert len(fake.calls("GetAccessToken")) == 1


def test_with_a_stream_a_token_is_used_to_its_end(fake, client):
    clock = Clock()
    with AccessTokenSource(client, APP, now=clock) as source:
        source.get()
        clock.now += timedelta(seconds=7190)
        assert source.get().generation == 1
        assert fake.calls("GetAccessToken") == []
        # A stream that gives nothing new is no help any more.
        clock.now += timedelta(seconds=30)
        source.get()
        assert len(fake.calls("GetAccessToken")) == 1


def test_get_gives_the_reason_when_there_is_no_token(fake, client):
    fake.fail_next("WatchAccessToken", "APP_MISCONFIGURED")
    fake.fail_next("GetAccessToken", "APP_MISCONFIGURED", errcode="40125")
    with AccessTokenSource(client, APP, back_off=Steps()) as source:
        with pytest.raises(wxident.AppMisconfigured) as raised:
            source.get()
        assert raised.value.metadata["errcode"] == "40125"
        assert source.get().generation == 1


def test_an_unknown_app(client):
    with client.access_token_source("wxffffffffffffffff") as source:
        with pytest.raises(wxident.AppUnknown):
            source.get()


def test_reports_share_a_call(fake, source):
    dead = source.get()
    with fake.hold("GetAccessToken"), ThreadPoolExecutor(32) as pool:
        calls = [pool.submit(source.report_rejected, dead) for _ in range(32)]
        fake.wait_for_calls("GetAccessToken", 1)
        with pytest.raises(wxident.WxidentError):
            source.report_rejected(dead, 0.05)
        with fake._world.lock:
            fake._traffic.held.clear()
            fake._world.lock.notify_all()
        assert {call.result().generation for call in calls} == {2}
        fake._traffic.held.append("GetAccessToken")
    assert len(fake.calls("GetAccessToken")) == 1
    request = fake.calls("GetAccessToken")[0].request
    assert request.rejected_access_token == dead.access_token
    assert source.get().generation == 2


def test_an_old_token_gives_the_current_one(fake, source):
    source.get()
    fake.rotate_token(APP)
    assert source.report_rejected("98_old").generation == 2
    assert fake.calls("GetAccessToken")[0].request.rejected_access_token == "98_old"


def test_a_report_that_fails(fake, source):
    dead = source.get()
    fake.fail_next("GetAccessToken", "TOKEN_BUDGET_EXHAUSTED")
    with pytest.raises(wxident.TokenBudgetExhausted):
        source.report_rejected(dead)
    assert source.report_rejected(dead).generation == 2


def test_a_token_of_the_server_itself_after_a_rejection(fake, source):
    dead = source.get()
    alone = fake.rotate_token(APP, generation=0)
    assert source.report_rejected(dead).access_token == alone
    assert source.get().access_token == alone


@pytest.mark.parametrize("closer", ["source", "client"])
def test_close(fake, client, closer):
    source = client.access_token_source(APP)
    source.get()
    (source if closer == "source" else client).close()
    source.close()
    assert not source._thread.is_alive()
    for call in (source.get, lambda: source.report_rejected("t")):
        with pytest.raises(wxident.WxidentError, match="token source is closed"):
            call()


def test_close_wakes_who_waits(fake, client):
    with fake.hold("WatchAccessToken"), ThreadPoolExecutor(1) as pool:
        source = client.access_token_source(APP)
        waiting = pool.submit(source.get, 60)
        fake.wait_for_calls("WatchAccessToken", 1)
        source.close()
        error = waiting.exception(10)
        assert isinstance(error, wxident.WxidentError)


def test_get_and_reports_race(fake, source):
    def use(_):
        got = source.get()
        return source.report_rejected(got).generation - got.generation

    with ThreadPoolExecutor(16) as pool:
        steps = list(pool.map(use, range(200)))
    assert min(steps) >= 1
    assert source.get().generation == fake._world.apps[APP].generation

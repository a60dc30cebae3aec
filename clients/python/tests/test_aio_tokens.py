"""The asyncio token source."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from conftest import APP, called
from test_tokens import Clock, Steps

import wxident
from wxident.aio._tokens import AccessTokenSource


def released(fake):
    with fake._world.lock:
        held, fake._traffic.held = fake._traffic.held, []
        fake._world.lock.notify_all()
    return held


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


async def test_a_token_expires_in_utc(aio):
    token = await aio.access_token_source(APP).get()
    assert token.expire_time.tzinfo is UTC
    assert token.expire_time > datetime.now(UTC)

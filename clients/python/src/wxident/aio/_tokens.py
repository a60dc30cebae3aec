"""Keeping an app's access_token at hand, for asyncio."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from wxident import _calls, _config, errors
from wxident._config import Timeout
from wxident.tokens import (
    DEFAULT_TIMEOUT,
    MARGIN,
    AccessToken,
    BackOff,
    Holding,
    token_of,
)

if TYPE_CHECKING:
    from wxident.aio._client import Client

_log = logging.getLogger("wxident")

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Shared(Generic[K, V]):
    """Lets coroutines that want the same thing at once share one call for it."""

    def __init__(self) -> None:
        self._calls: dict[K, asyncio.Task[V]] = {}

    async def get(
        self,
        key: K,
        start: Callable[[], Awaitable[V]],
        seconds: float,
        method: str,
    ) -> V:
        """The answer of the call under way for the key, or of a new one. Who
        gives up waiting leaves the call to the others."""
        task = self._calls.get(key)
        if task is None:
            task = self._calls[key] = asyncio.create_task(self._run(key, start))
            # An error that nobody waits for any more is no one's.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.wait_for(asyncio.shield(task), max(seconds, 0.0))
        except TimeoutError:
            raise errors.deadline_passed(method) from None
        except errors.WxidentError as error:
            raise error.again() from error

    async def _run(self, key: K, start: Callable[[], Awaitable[V]]) -> V:
        try:
            return await start()
        finally:
            del self._calls[key]


class AccessTokenSource:
    """An app's access_token from memory, kept current by a stream from the
    server. Made by `Client.access_token_source`.

        async with client.access_token_source("wx0123456789abcdef") as source:
            token = await source.get()
            answer = await call_wechat(token.access_token)
            if answer["errcode"] in (40001, 40014, 42001):
                token = await source.report_rejected(token)
    """

    def __init__(
        self,
        client: Client,
        app_id: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        back_off: BackOff | None = None,
    ) -> None:
        self._client = client
        self._app_id = app_id
        self._now = now
        self._back_off = back_off or BackOff()
        self._holding = Holding()
        self._streaming = False
        # Until the first stream gives a token or fails.
        self._opening = True
        self._closed = False
        self._opened: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._fetches: Shared[str, AccessToken] = Shared()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            # Made before the loop runs: the first `get` opens the stream.
            return
        self._start()

    async def get(self, timeout: Timeout = None) -> AccessToken:
        """The current token: from memory, or from the server when there is none
        in memory, or no stream and less than 60 s of its life are left.

        Waits for `timeout`, by default as long as `get_access_token`. Raises the
        WxidentError of GetAccessToken when there is no token to be had."""
        seconds = DEFAULT_TIMEOUT if timeout is None else _config.seconds(timeout)
        end = time.monotonic() + seconds
        token = self._at_hand()
        if token is not None:
            return token
        if self._opening:
            opened = self._start()
            try:
                await asyncio.wait_for(opened.wait(), seconds)
            except TimeoutError:
                raise errors.deadline_passed("WatchAccessToken") from None
            token = self._at_hand()
            if token is not None:
                return token
        return await self._fetch("", end)

    async def report_rejected(
        self, token: AccessToken | str, timeout: Timeout = None
    ) -> AccessToken:
        """Tells the server that WeChat refused a token (errcode 40001, 40014 or
        42001) and gives the one to use instead. Coroutines that report the same
        token at once share one call."""
        seconds = DEFAULT_TIMEOUT if timeout is None else _config.seconds(timeout)
        text = token.access_token if isinstance(token, AccessToken) else token
        if self._closed:
            raise errors.closed("token source")
        self._holding.reject(text)
        return await self._fetch(text, time.monotonic() + seconds)

    async def close(self) -> None:
        """Ends the stream. Doing it again is harmless."""
        self._closed = True
        if self._opened is not None:
            self._opened.set()
        task = self._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])

    async def __aenter__(self) -> AccessTokenSource:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _start(self) -> asyncio.Event:
        if self._opened is None:
            self._opened = asyncio.Event()
            self._task = asyncio.create_task(self._watch())
        return self._opened

    def _at_hand(self) -> AccessToken | None:
        if self._closed:
            raise errors.closed("token source")
        margin = timedelta(0) if self._streaming else MARGIN
        return self._holding.living(self._now(), margin)

    async def _fetch(self, rejected: str, end: float) -> AccessToken:
        call = _calls.get_access_token(self._app_id, rejected, None)

        async def fetch() -> AccessToken:
            answer = await self._client._unary(call, None)
            token = token_of(answer)
            self._holding.take(token, self._now())
            return token

        left = end - time.monotonic()
        answer = await self._fetches.get(rejected, fetch, left, call.method)
        return self._holding.take(answer, self._now())

    async def _watch(self) -> None:
        while not self._closed:
            lasted = await self._follow_stream()
            self._streaming = self._opening = False
            assert self._opened is not None
            self._opened.set()
            await self._pause(self._back_off.next(lasted))

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _follow_stream(self) -> float:
        """Reads a stream to its end; for how long there were messages."""
        first: float | None = None
        try:
            stream = await self._client.watch_access_token(self._app_id)
            async with stream:
                async for message in stream:
                    first = first or time.monotonic()
                    self._holding.take(token_of(message), self._now())
                    self._streaming, self._opening = True, False
                    assert self._opened is not None
                    self._opened.set()
        except errors.WxidentError as error:
            if not self._closed:
                _log.info("the token stream of %s ended: %s", self._app_id, error)
        except Exception:
            # Of the caller's trace_context, perhaps; the stream must go on.
            _log.exception("the token stream of %s failed", self._app_id)
        return 0.0 if first is None else time.monotonic() - first

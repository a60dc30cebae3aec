"""Keeping an app's access_token at hand."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

from wxident import _calls, _config, errors
from wxident._config import Timeout
from wxident._contract import TIMEOUTS
from wxident.v1 import identity_service_pb2 as pb

if TYPE_CHECKING:
    from wxident._client import Client, WatchStream

_log = logging.getLogger("wxident")

__all__ = ["AccessToken", "AccessTokenSource"]

MARGIN = timedelta(seconds=60)
"""A token that lives shorter is about to expire."""

FIRST_BACK_OFF = 0.1
LONGEST_BACK_OFF = 5.0
DEFAULT_TIMEOUT = TIMEOUTS["get_access_token"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Message = pb.GetAccessTokenResponse | pb.WatchAccessTokenResponse


@dataclass(frozen=True)
class AccessToken:
    """An app's access_token. It is not shown when printed."""

    access_token: str = field(repr=False)
    """What WeChat's APIs take."""

    expire_time: datetime
    """When WeChat stops accepting it, in UTC."""

    generation: int
    """Rises with each new token of the app; 0 when a server fetched it for
    itself because its database could not be asked."""


def token_of(message: Message) -> AccessToken:
    """The token in an answer of the server."""
    return AccessToken(
        message.access_token,
        message.expire_time.ToDatetime(UTC),
        message.generation,
    )


class Holding:
    """The token that is held, and which one may follow it. Its owner locks."""

    def __init__(self) -> None:
        self.token: AccessToken | None = None
        self._rejected: str | None = None

    def take(self, token: AccessToken, now: datetime) -> AccessToken:
        """Takes a token that the server gave, unless a newer one is held; gives
        the one to use, which is not the held one when that is of no use."""
        held = self.token
        if (
            held is None
            or token.generation >= held.generation
            or (token.generation == 0 and not self._useful(held, now))
        ):
            self.token = token
            if self._rejected == token.access_token:
                # The server knows of the rejection and says that it is good.
                self._rejected = None
            return token
        return held if self._useful(held, now) else token

    def reject(self, access_token: str) -> None:
        """Remembers that WeChat refused it, if it is the held one."""
        if self.token is not None and self.token.access_token == access_token:
            self._rejected = access_token

    def living(self, now: datetime, margin: timedelta) -> AccessToken | None:
        """The held token if it lives for longer than the margin."""
        token = self.token
        if token is None or token.expire_time - now <= margin:
            return None
        return token

    def _useful(self, token: AccessToken, now: datetime) -> bool:
        return token.access_token != self._rejected and token.expire_time - now > MARGIN


class BackOff:
    """How long to wait before the stream is opened again: anything up to a limit
    that doubles from 0.1 s to 5 s, and falls back after a stream that lasted."""

    def __init__(self) -> None:
        self._limit = FIRST_BACK_OFF

    def next(self, lasted: float) -> float:
        """The wait after a stream that gave messages for so many seconds."""
        if lasted >= LONGEST_BACK_OFF:
            self._limit = FIRST_BACK_OFF
        limit = self._limit
        self._limit = min(limit * 2, LONGEST_BACK_OFF)
        return random.uniform(0, limit)


class Shared(Generic[K, V]):
    """Lets threads that want the same thing at once share one call for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[K, Future[V]] = {}

    def get(
        self,
        key: K,
        start: Callable[[], Future[V]],
        done: Callable[[V], None] | None = None,
    ) -> Future[V]:
        """The call under way for the key, or a new one. `done` is called with a
        good answer before anyone waiting sees it, and before a new call can
        begin."""
        mine: Future[V] = Future()
        with self._lock:
            call = self._calls.get(key)
            if call is not None:
                return call
            self._calls[key] = mine

        def finish(started: Future[V]) -> None:
            try:
                answer = started.result()
                if done is not None:
                    done(answer)
            except BaseException as error:
                self._forget(key)
                mine.set_exception(error)
            else:
                self._forget(key)
                mine.set_result(answer)

        try:
            started = start()
        except BaseException:
            self._forget(key)
            mine.cancel()
            raise
        started.add_done_callback(finish)
        return mine

    def _forget(self, key: K) -> None:
        with self._lock:
            del self._calls[key]


def wait(call: Future[V], seconds: float, method: str) -> V:
    """The answer of a shared call; WxidentError when it failed or takes too
    long."""
    try:
        return call.result(max(seconds, 0.0))
    except FutureTimeoutError:
        raise errors.deadline_passed(method) from None
    except errors.WxidentError as error:
        raise error.again() from error


class AccessTokenSource:
    """An app's access_token from memory, kept current by a stream from the
    server. Made by `Client.access_token_source`; for any number of threads.

        with client.access_token_source("wx0123456789abcdef") as source:
            answer = call_wechat(source.get().access_token)
            if answer["errcode"] in (40001, 40014, 42001):
                token = source.report_rejected(token)
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
        self._changed = threading.Condition()
        self._holding = Holding()
        self._streaming = False
        # Until the first stream gives a token or fails.
        self._opening = True
        self._closed = False
        self._stream: WatchStream[pb.WatchAccessTokenResponse] | None = None
        self._fetches: Shared[str, pb.GetAccessTokenResponse] = Shared()
        self._thread = threading.Thread(
            target=self._watch, name=f"wxident-token-{app_id}", daemon=True
        )
        self._thread.start()

    def get(self, timeout: Timeout = None) -> AccessToken:
        """The current token: from memory, or from the server when there is none
        in memory, or no stream and less than 60 s of its life are left.

        Waits for `timeout`, by default as long as `get_access_token`. Raises the
        WxidentError of GetAccessToken when there is no token to be had."""
        seconds = DEFAULT_TIMEOUT if timeout is None else _config.seconds(timeout)
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                if self._closed:
                    raise errors.closed("token source")
                margin = timedelta(0) if self._streaming else MARGIN
                token = self._holding.living(self._now(), margin)
                if token is not None:
                    return token
                if not self._opening:
                    break
                left = end - time.monotonic()
                if left <= 0:
                    raise errors.deadline_passed("WatchAccessToken")
                self._changed.wait(left)
        return self._fetch("", end)

    def report_rejected(
        self, token: AccessToken | str, timeout: Timeout = None
    ) -> AccessToken:
        """Tells the server that WeChat refused a token (errcode 40001, 40014 or
        42001) and gives the one to use instead. Threads that report the same
        token at once share one call."""
        seconds = DEFAULT_TIMEOUT if timeout is None else _config.seconds(timeout)
        text = token.access_token if isinstance(token, AccessToken) else token
        with self._changed:
            if self._closed:
                raise errors.closed("token source")
            self._holding.reject(text)
        return self._fetch(text, time.monotonic() + seconds)

    def close(self) -> None:
        """Ends the stream. Doing it again is harmless."""
        with self._changed:
            self._closed = True
            stream = self._stream
            self._changed.notify_all()
        if stream is not None:
            stream.cancel()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def __enter__(self) -> AccessTokenSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fetch(self, rejected: str, end: float) -> AccessToken:
        request = _calls.get_access_token(self._app_id, rejected, None)
        call = self._fetches.get(
            rejected,
            lambda: self._client._start(request),
            self._taken,
        )
        answer = wait(call, end - time.monotonic(), request.method)
        return self._take(token_of(answer))

    def _taken(self, answer: pb.GetAccessTokenResponse) -> None:
        self._take(token_of(answer))

    def _take(self, token: AccessToken) -> AccessToken:
        with self._changed:
            used = self._holding.take(token, self._now())
            self._changed.notify_all()
            return used

    def _watch(self) -> None:
        while True:
            lasted = self._follow_stream()
            with self._changed:
                self._streaming = self._opening = False
                self._stream = None
                self._changed.notify_all()
                delay = self._back_off.next(lasted)
                self._changed.wait_for(lambda: self._closed, delay)
                if self._closed:
                    return

    def _follow_stream(self) -> float:
        """Reads a stream to its end; for how long there were messages."""
        first: float | None = None
        try:
            stream = self._client.watch_access_token(self._app_id)
            with self._changed:
                closed = self._closed
                self._stream = stream
            if closed:
                stream.cancel()
            for message in stream:
                first = first or time.monotonic()
                with self._changed:
                    self._streaming, self._opening = True, False
                self._take(token_of(message))
        except errors.WxidentError as error:
            if not self._closed:
                _log.info("the token stream of %s ended: %s", self._app_id, error)
        except Exception:
            # Of the caller's trace_context, perhaps; the stream must go on.
            _log.exception("the token stream of %s failed", self._app_id)
        return 0.0 if first is None else time.monotonic() - first

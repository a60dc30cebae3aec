"""The asyncio client."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta
from typing import Any, Generic, TypeVar

import grpc
import grpc.aio

from wxident import _calls, _config, errors
from wxident._base import LOOK_UP_SECONDS, BaseClient
from wxident._calls import Call, InfoSource, RequestT, ResponseT, TokenKind
from wxident._config import Timeout
from wxident._connections import Connection, Connections
from wxident.aio._tokens import AccessTokenSource
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types

T = TypeVar("T")


def error_of(method: str, error: grpc.aio.AioRpcError) -> errors.WxidentError:
    """The error of a call that gRPC says has failed."""
    return errors.from_status(
        method, error.code(), error.details(), error.trailing_metadata()
    )


def cancelling() -> bool:
    """Whether a CancelledError is for this task, and not for a call in it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class WatchStream(Generic[T]):
    """An asynchronous iterator over the messages of WatchAccessToken, and
    `cancel`."""

    def __init__(self, stream: Any, done: Callable[[], None]) -> None:
        self._stream = stream
        self._messages = aiter(stream)
        # A stream that is forgotten half read must not keep its channel.
        self._done = weakref.finalize(self, done)
        self._done.atexit = False

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await anext(self._messages)
        except StopAsyncIteration:
            self._done()
            raise
        except grpc.aio.AioRpcError as error:
            self._done()
            raise error_of("WatchAccessToken", error) from error
        except asyncio.CancelledError:
            self._done()
            if cancelling():
                raise
            raise errors.from_status(
                "WatchAccessToken", grpc.StatusCode.CANCELLED, None, None
            ) from None

    def cancel(self) -> None:
        """Ends the stream; whoever waits for a message gets WxidentError with
        code CANCELLED."""
        self._stream.cancel()
        self._done()

    async def __aenter__(self) -> WatchStream[T]:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cancel()


class Client(BaseClient):
    """Calls wxident from the coroutines of one event loop. It may be made before
    the loop runs, and belongs to the loop of its first call.

    Each method waits for its answer no longer than `timeout`, in seconds or as
    a timedelta, and raises a WxidentError when the call fails; which ones to
    expect stands in wxident/v1/identity_service.proto. What is worth repeating
    is repeated by itself.
    """

    def _prepare(self) -> None:
        self._connections = Connections(grpc.aio, self._start_closing)
        self._closing: set[asyncio.Task[None]] = set()
        self._sources: weakref.WeakSet[AccessTokenSource] = weakref.WeakSet()

    async def close(self) -> None:
        """Ends all calls and token sources, and closes the connections. Doing it
        again is harmless."""
        self._closed = True
        connections = self._connections.clear()
        for source in list(self._sources):
            await source.close()
        for connection in connections:
            await connection.close()
        if self._closing:
            await asyncio.wait(self._closing)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def login(
        self,
        app_id: str,
        *,
        mini_program_code: str | None = None,
        oauth_code: str | None = None,
        session_ttl: timedelta | None = None,
        timeout: Timeout = None,
    ) -> pb.LoginResponse:
        """Exchanges a login code, of wx.login or of a WeChat web page, for a
        session. For 5 minutes the same code gives the same session again, as
        long as that is active."""
        return await self._unary(
            _calls.login(app_id, mini_program_code, oauth_code, session_ttl),
            timeout,
        )

    async def validate_session(
        self, session_token: str, *, strong: bool = False, timeout: Timeout = None
    ) -> pb.ValidateSessionResponse:
        """Tells whether a session token is active, and whose it is. One that is
        not is no error: `active` is False. strong: ask the database."""
        return await self._unary(
            _calls.validate_session(session_token, strong), timeout
        )

    async def refresh_session(
        self, session_token: str, *, timeout: Timeout = None
    ) -> pb.RefreshSessionResponse:
        """Exchanges a session token for a new one of the same session."""
        return await self._unary(_calls.refresh_session(session_token), timeout)

    async def revoke_session(
        self,
        *,
        session_token: str | None = None,
        user_id: str | None = None,
        timeout: Timeout = None,
    ) -> pb.RevokeSessionResponse:
        """Ends one session, or all sessions of a user."""
        return await self._unary(_calls.revoke_session(session_token, user_id), timeout)

    async def check_session_key(
        self, session_token: str, *, timeout: Timeout = None
    ) -> pb.CheckSessionKeyResponse:
        """Asks WeChat whether the session_key kept for this session still
        lives."""
        return await self._unary(_calls.check_session_key(session_token), timeout)

    async def decrypt_phone(
        self,
        session_token: str,
        *,
        encrypted: types.EncryptedData | None = None,
        phone_code: str | None = None,
        timeout: Timeout = None,
    ) -> pb.DecryptPhoneResponse:
        """Gets and stores the user's phone number, from what a getPhoneNumber
        event gave the mini program: encrypted data, or a code."""
        return await self._unary(
            _calls.decrypt_phone(session_token, encrypted, phone_code), timeout
        )

    async def decrypt_user_data(
        self,
        session_token: str,
        *,
        encrypted_data: str,
        iv: str,
        timeout: Timeout = None,
    ) -> pb.DecryptUserDataResponse:
        """Opens other open data of a mini program, such as steps; stores
        nothing."""
        return await self._unary(
            _calls.decrypt_user_data(session_token, encrypted_data, iv), timeout
        )

    async def get_user_info(
        self,
        *,
        session_token: str | None = None,
        identity_ref: types.IdentityRef | None = None,
        source: InfoSource | None = None,
        language: str | None = None,
        timeout: Timeout = None,
    ) -> pb.GetUserInfoResponse:
        """Gets a profile, from source EncryptedProfile(...), OauthProfile(),
        FollowerProfile() or StoredProfile()."""
        return await self._unary(
            _calls.get_user_info(session_token, identity_ref, source, language),
            timeout,
        )

    async def get_access_token(
        self,
        app_id: str,
        *,
        rejected_access_token: str | None = None,
        kind: TokenKind | None = None,
        timeout: Timeout = None,
    ) -> pb.GetAccessTokenResponse:
        """The one valid access_token of an app, or with
        kind=WebAccessToken(identity_ref=...) of a person's web grant. Who needs
        the app's often takes `access_token_source`."""
        return await self._unary(
            _calls.get_access_token(app_id, rejected_access_token, kind), timeout
        )

    async def watch_access_token(
        self, app_id: str, *, timeout: Timeout = None
    ) -> WatchStream[pb.WatchAccessTokenResponse]:
        """The app's access_token at once, then each new one as it appears; until
        the server stops, or for `timeout`. `access_token_source` watches on by
        itself.

            async for message in await client.watch_access_token(app_id): ...
        """
        seconds = None if timeout is None else _config.seconds(timeout)
        connection = await self._lease(seconds or LOOK_UP_SECONDS)
        try:
            stream = connection.watch()(
                pb.WatchAccessTokenRequest(app_id=app_id),
                timeout=seconds,
                metadata=self._metadata(),
            )
        except BaseException:
            self._release(connection)
            raise
        return WatchStream(stream, lambda: self._release(connection))

    async def get_jsapi_signature(
        self, app_id: str, url: str, *, timeout: Timeout = None
    ) -> pb.GetJsapiSignatureResponse:
        """Signs a page's URL for wx.config of WeChat's JS-SDK."""
        return await self._unary(_calls.get_jsapi_signature(app_id, url), timeout)

    async def get_authorize_url(
        self,
        app_id: str,
        *,
        redirect_uri: str,
        scope: str,
        state: str,
        timeout: Timeout = None,
    ) -> pb.GetAuthorizeUrlResponse:
        """Makes the address of the WeChat page that yields an oauth_code."""
        return await self._unary(
            _calls.get_authorize_url(app_id, redirect_uri, scope, state), timeout
        )

    async def get_user(
        self,
        *,
        user_id: str | None = None,
        identity_ref: types.IdentityRef | None = None,
        union_ref: types.UnionRef | None = None,
        timeout: Timeout = None,
    ) -> pb.GetUserResponse:
        """Finds a user by id, by identity or by unionid."""
        return await self._unary(
            _calls.get_user(user_id, identity_ref, union_ref), timeout
        )

    async def batch_get_users(
        self,
        *,
        identity_refs: Iterable[types.IdentityRef] = (),
        user_ids: Iterable[str] = (),
        refresh_followers: bool = False,
        timeout: Timeout = None,
    ) -> pb.BatchGetUsersResponse:
        """Finds up to 500 users, by identity or by id; the answers come in
        order, absent ones marked. What is wrong with one is the error of its
        answer (user.HasField("error")), and raises nothing."""
        return await self._unary(
            _calls.batch_get_users(identity_refs, user_ids, refresh_followers),
            timeout,
        )

    def access_token_source(self, app_id: str) -> AccessTokenSource:
        """Keeps the app's access_token at hand; see AccessTokenSource."""
        if self._closed:
            raise errors.closed("client")
        source = AccessTokenSource(self, app_id)
        self._sources.add(source)
        return source

    # Connections.

    async def _lease(self, seconds: float) -> Connection:
        """A connection of the moment, with one call more on it."""
        blueprint = self._transport.current()
        while blueprint is None:
            look_up = asyncio.wrap_future(self._transport.look_up())
            try:
                # Shielded: others may wait for the same look-up.
                await asyncio.wait_for(asyncio.shield(look_up), seconds)
            except TimeoutError:
                raise errors.deadline_passed("the look-up of the address") from None
            except errors.WxidentError as error:
                raise error.again() from error
            blueprint = self._transport.current()
        if self._closed:
            raise errors.closed("client")
        return self._connections.lease(blueprint)

    def _release(self, connection: Connection) -> None:
        self._connections.release(connection)

    def _start_closing(self, connection: Connection) -> None:
        task = asyncio.ensure_future(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # Calls.

    async def _unary(
        self, call: Call[RequestT, ResponseT], timeout: Timeout
    ) -> ResponseT:
        seconds = self._seconds(call, timeout)
        end = time.monotonic() + seconds
        connection = await self._lease(seconds)
        try:
            answer: ResponseT = await connection.unary(call)(
                call.request,
                timeout=max(end - time.monotonic(), 0.0),
                metadata=self._metadata(),
            )
            return answer
        except grpc.aio.AioRpcError as error:
            raise error_of(call.method, error) from error
        except grpc.aio.UsageError:
            if self._closed:
                raise errors.closed("client") from None
            raise
        except asyncio.CancelledError:
            if self._closed and not cancelling():
                raise errors.closed("client") from None
            raise
        finally:
            self._release(connection)

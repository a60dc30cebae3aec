"""The synchronous client."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import timedelta
from typing import Any, Generic, TypeVar

import grpc

from wxident import _calls, _config, errors
from wxident._base import LOOK_UP_SECONDS, BaseClient
from wxident._calls import Call, InfoSource, RequestT, ResponseT, TokenKind
from wxident._config import Timeout
from wxident._connections import Connection, Connections
from wxident.tokens import AccessTokenSource
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types

T = TypeVar("T")


def error_of(method: str, error: grpc.RpcError) -> errors.WxidentError:
    """The error of a call that gRPC says has failed."""
    if not isinstance(error, grpc.Call):
        return errors.WxidentError(f"{method}: {error}", grpc.StatusCode.UNKNOWN)
    return errors.from_status(
        method, error.code(), error.details(), error.trailing_metadata()
    )


def _close(connection: Connection) -> None:
    # Not here: this may be a thread of the channel itself.
    threading.Thread(target=connection.close, name="wxident-close", daemon=True).start()


class WatchStream(Generic[T]):
    """An iterator over the messages of WatchAccessToken, and `cancel`."""

    def __init__(self, stream: Any, done: Callable[[], None]) -> None:
        self._stream = stream
        # A stream that is forgotten half read must not keep its channel.
        self._done = weakref.finalize(self, done)
        self._done.atexit = False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            message: T = next(self._stream)
            return message
        except StopIteration:
            self._done()
            raise
        except grpc.RpcError as error:
            self._done()
            raise error_of("WatchAccessToken", error) from error

    def cancel(self) -> None:
        """Ends the stream; whoever waits for a message gets WxidentError with
        code CANCELLED."""
        self._stream.cancel()
        self._done()

    def __enter__(self) -> WatchStream[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()


class Client(BaseClient):
    """Calls wxident, from any number of threads. One client for a process is
    enough; make it after a fork, not before.

    Each method waits for its answer no longer than `timeout`, in seconds or as
    a timedelta, and raises a WxidentError when the call fails; which ones to
    expect stands in wxident/v1/identity_service.proto. What is worth repeating
    is repeated by itself.
    """

    def _prepare(self) -> None:
        self._lock = threading.Lock()
        self._connections = Connections(grpc, _close)
        self._sources: weakref.WeakSet[AccessTokenSource] = weakref.WeakSet()

    def close(self) -> None:
        """Ends all calls and token sources, and closes the connections. Doing it
        again is harmless."""
        with self._lock:
            self._closed = True
            connections = self._connections.clear()
            sources = list(self._sources)
        for source in sources:
            source.close()
        for connection in connections:
            connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def login(
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
        return self._unary(
            _calls.login(app_id, mini_program_code, oauth_code, session_ttl),
            timeout,
        )

    def validate_session(
        self, session_token: str, *, strong: bool = False, timeout: Timeout = None
    ) -> pb.ValidateSessionResponse:
        """Tells whether a session token is active, and whose it is. One that is
        not is no error: `active` is False. strong: ask the database."""
        return self._unary(_calls.validate_session(session_token, strong), timeout)

    def refresh_session(
        self, session_token: str, *, timeout: Timeout = None
    ) -> pb.RefreshSessionResponse:
        """Exchanges a session token for a new one of the same session."""
        return self._unary(_calls.refresh_session(session_token), timeout)

    def revoke_session(
        self,
        *,
        session_token: str | None = None,
        user_id: str | None = None,
        timeout: Timeout = None,
    ) -> pb.RevokeSessionResponse:
        """Ends one session, or all sessions of a user."""
        return self._unary(_calls.revoke_session(session_token, user_id), timeout)

    def check_session_key(
        self, session_token: str, *, timeout: Timeout = None
    ) -> pb.CheckSessionKeyResponse:
        """Asks WeChat whether the session_key kept for this session still
        lives."""
        return self._unary(_calls.check_session_key(session_token), timeout)

    def decrypt_phone(
        self,
        session_token: str,
        *,
        encrypted: types.EncryptedData | None = None,
        phone_code: str | None = None,
        timeout: Timeout = None,
    ) -> pb.DecryptPhoneResponse:
        """Gets and stores the user's phone number, from what a getPhoneNumber
        event gave the mini program: encrypted data, or a code."""
        return self._unary(
            _calls.decrypt_phone(session_token, encrypted, phone_code), timeout
        )

    def decrypt_user_data(
        self,
        session_token: str,
        *,
        encrypted_data: str,
        iv: str,
        timeout: Timeout = None,
    ) -> pb.DecryptUserDataResponse:
        """Opens other open data of a mini program, such as steps; stores
        nothing."""
        return self._unary(
            _calls.decrypt_user_data(session_token, encrypted_data, iv), timeout
        )

    def get_user_info(
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
        return self._unary(
            _calls.get_user_info(session_token, identity_ref, source, language),
            timeout,
        )

    def get_access_token(
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
        return self._unary(
            _calls.get_access_token(app_id, rejected_access_token, kind), timeout
        )

    def watch_access_token(
        self, app_id: str, *, timeout: Timeout = None
    ) -> WatchStream[pb.WatchAccessTokenResponse]:
        """The app's access_token at once, then each new one as it appears; until
        the server stops, or for `timeout`. `access_token_source` watches on by
        itself."""
        seconds = None if timeout is None else _config.seconds(timeout)
        connection = self._lease(seconds or LOOK_UP_SECONDS)
        try:
            stream = connection.watch()(
                pb.WatchAccessTokenRequest(app_id=app_id),
                timeout=seconds,
                metadata=self._metadata(),
            )
        except ValueError:
            self._release(connection)
            raise errors.closed("client") from None
        except BaseException:
            self._release(connection)
            raise
        return WatchStream(stream, lambda: self._release(connection))

    def get_jsapi_signature(
        self, app_id: str, url: str, *, timeout: Timeout = None
    ) -> pb.GetJsapiSignatureResponse:
        """Signs a page's URL for wx.config of WeChat's JS-SDK."""
        return self._unary(_calls.get_jsapi_signature(app_id, url), timeout)

    def get_authorize_url(
        self,
        app_id: str,
        *,
        redirect_uri: str,
        scope: str,
        state: str,
        timeout: Timeout = None,
    ) -> pb.GetAuthorizeUrlResponse:
        """Makes the address of the WeChat page that yields an oauth_code."""
        return self._unary(
            _calls.get_authorize_url(app_id, redirect_uri, scope, state), timeout
        )

    def get_user(
        self,
        *,
        user_id: str | None = None,
        identity_ref: types.IdentityRef | None = None,
        union_ref: types.UnionRef | None = None,
        timeout: Timeout = None,
    ) -> pb.GetUserResponse:
        """Finds a user by id, by identity or by unionid."""
        return self._unary(_calls.get_user(user_id, identity_ref, union_ref), timeout)

    def batch_get_users(
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
        return self._unary(
            _calls.batch_get_users(identity_refs, user_ids, refresh_followers),
            timeout,
        )

    def access_token_source(self, app_id: str) -> AccessTokenSource:
        """Keeps the app's access_token at hand; see AccessTokenSource."""
        with self._lock:
            if self._closed:
                raise errors.closed("client")
            source = AccessTokenSource(self, app_id)
            self._sources.add(source)
        return source

    # Connections.

    def _lease(self, seconds: float) -> Connection:
        """A connection of the moment, with one call more on it."""
        blueprint = self._transport.current()
        while blueprint is None:
            try:
                self._transport.look_up().result(seconds)
            except FutureTimeoutError:
                raise errors.deadline_passed("the look-up of the address") from None
            except errors.WxidentError as error:
                raise error.again() from error
            blueprint = self._transport.current()
        with self._lock:
            if self._closed:
                raise errors.closed("client")
            return self._connections.lease(blueprint)

    def _release(self, connection: Connection) -> None:
        with self._lock:
            self._connections.release(connection)

    # Calls.

    def _unary(self, call: Call[RequestT, ResponseT], timeout: Timeout) -> ResponseT:
        seconds = self._seconds(call, timeout)
        end = time.monotonic() + seconds
        connection = self._lease(seconds)
        try:
            answer: ResponseT = connection.unary(call)(
                call.request,
                timeout=max(end - time.monotonic(), 0.0),
                metadata=self._metadata(),
            )
            return answer
        except grpc.RpcError as error:
            raise error_of(call.method, error) from error
        except ValueError:
            if self._closed:
                # gRPC's word for a channel that was closed meanwhile.
                raise errors.closed("client") from None
            raise
        finally:
            self._release(connection)

    def _start(self, call: Call[RequestT, ResponseT]) -> Future[ResponseT]:
        """Begins a call, for those who share it, and with its own deadline."""
        result: Future[ResponseT] = Future()
        seconds = self._seconds(call, None)
        connection: Connection | None = None
        try:
            connection = self._lease(seconds)
            started = connection.unary(call).future(
                call.request, timeout=seconds, metadata=self._metadata()
            )
        except Exception as error:
            if connection is not None:
                self._release(connection)
            lost = self._closed and isinstance(error, ValueError)
            result.set_exception(errors.closed("client") if lost else error)
            return result
        leased = connection

        def finish(_: object) -> None:
            self._release(leased)
            try:
                result.set_result(started.result())
            except grpc.RpcError as error:
                result.set_exception(error_of(call.method, error))
            except grpc.FutureCancelledError:
                result.set_exception(
                    errors.from_status(
                        call.method, grpc.StatusCode.CANCELLED, None, None
                    )
                )

        started.add_done_callback(finish)
        return result

"""The synchronous client."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import timedelta
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc

from wxident import _calls, _config, errors
from wxident._calls import Call, InfoSource, RequestT, ResponseT, TokenKind
from wxident._config import Timeout, TraceContext
from wxident._transport import Blueprint, Transport
from wxident.tokens import AccessTokenSource
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types

LOOK_UP_SECONDS = 20.0
"""What a call without a deadline waits for names to be looked up."""

ClientT = TypeVar("ClientT", bound="BaseClient")
T = TypeVar("T")


class BaseClient:
    """What the synchronous and the asyncio client have in common."""

    def __init__(
        self,
        address: str,
        *,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        server_name: str | None = None,
        insecure: bool = False,
        trace_context: TraceContext | None = None,
        timeouts: Mapping[str, float | timedelta] | None = None,
    ) -> None:
        """Makes a client. It connects at its first call.

        address: host:port, several by comma, or dns:///name:port, whose every
            address is used.
        ca_file: whom to trust, in PEM; without it, the machine's CAs.
        cert_file, key_file: the client's own certificate and its key, in PEM;
            both or none. All three files may be replaced while the client runs.
        server_name: the name that the server's certificate must have, when it
            is not the address's host.
        insecure: plain text instead of TLS; to this machine only.
        trace_context: a function that is called at each call and gives its
            traceparent and tracestate.
        timeouts: seconds by method, such as {"login": 8}, instead of the
            default ones.

        Raises ConfigError, which names the option, when these do not fit.
        """
        self._settings = _config.check(
            address,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
            server_name=server_name,
            insecure=insecure,
            trace_context=trace_context,
            timeouts=timeouts,
            known=_calls.TIMEOUTS,
        )
        self._transport = Transport(self._settings)

    @classmethod
    def from_env(
        cls: type[ClientT],
        environ: Mapping[str, str] | None = None,
        *,
        trace_context: TraceContext | None = None,
        timeouts: Mapping[str, float | timedelta] | None = None,
    ) -> ClientT:
        """Makes a client from environment variables: WXIDENT_GRPC_ADDR, and
        perhaps WXIDENT_TLS_CA_FILE, WXIDENT_TLS_CERT_FILE, WXIDENT_TLS_KEY_FILE,
        WXIDENT_TLS_SERVER_NAME, WXIDENT_INSECURE.

        Raises ConfigError, which names the variable, when these do not fit.
        """
        options: dict[str, Any] = dict(
            _config.from_environment(os.environ if environ is None else environ)
        )
        return cls(
            options.pop("address", ""),
            trace_context=trace_context,
            timeouts=timeouts,
            **options,
        )

    def _seconds(self, call: Call[RequestT, ResponseT], timeout: Timeout) -> float:
        if timeout is not None:
            return _config.seconds(timeout)
        return self._settings.timeouts.get(call.name, call.timeout)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        if self._settings.trace_context is None:
            return ()
        given = self._settings.trace_context() or {}
        return tuple(
            (key, given[key]) for key in ("traceparent", "tracestate") if given.get(key)
        )


def error_of(method: str, error: grpc.RpcError) -> errors.WxidentError:
    """The error of a call that gRPC says has failed."""
    if not isinstance(error, grpc.Call):
        return errors.WxidentError(f"{method}: {error}", grpc.StatusCode.UNKNOWN)
    return errors.from_status(
        method, error.code(), error.details(), error.trailing_metadata()
    )


class _Connection:
    """A channel, and how many calls are on it."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.serial = blueprint.serial
        if blueprint.credentials is None:
            self._channel = grpc.insecure_channel(blueprint.target, blueprint.options)
        else:
            self._channel = grpc.secure_channel(
                blueprint.target, blueprint.credentials, blueprint.options
            )
        self.calls = 0
        self._unary: dict[str, Any] = {}

    def unary(
        self, call: Call[RequestT, ResponseT]
    ) -> grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]:
        made = self._unary.get(call.method)
        if made is None:
            made = self._unary[call.method] = self._channel.unary_unary(
                f"/{_calls.SERVICE}/{call.method}",
                request_serializer=type(call.request).SerializeToString,
                response_deserializer=call.response.FromString,
            )
        return made

    def watch(
        self,
    ) -> grpc.UnaryStreamMultiCallable[
        pb.WatchAccessTokenRequest, pb.WatchAccessTokenResponse
    ]:
        return self._channel.unary_stream(
            f"/{_calls.SERVICE}/WatchAccessToken",
            request_serializer=pb.WatchAccessTokenRequest.SerializeToString,
            response_deserializer=pb.WatchAccessTokenResponse.FromString,
        )

    def close(self) -> None:
        self._channel.close()


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

    def __init__(
        self,
        address: str,
        *,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        server_name: str | None = None,
        insecure: bool = False,
        trace_context: TraceContext | None = None,
        timeouts: Mapping[str, float | timedelta] | None = None,
    ) -> None:
        super().__init__(
            address,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
            server_name=server_name,
            insecure=insecure,
            trace_context=trace_context,
            timeouts=timeouts,
        )
        self._lock = threading.Lock()
        self._connection: _Connection | None = None
        self._retired: set[_Connection] = set()
        self._closed = False
        self._sources: weakref.WeakSet[AccessTokenSource] = weakref.WeakSet()

    __init__.__doc__ = BaseClient.__init__.__doc__

    def close(self) -> None:
        """Ends all calls and token sources, and closes the connections. Doing it
        again is harmless."""
        with self._lock:
            self._closed = True
            connections = [*self._retired]
            if self._connection is not None:
                connections.append(self._connection)
            self._connection = None
            self._retired.clear()
            sources = list(self._sources)
        for source in sources:
            source.close()
        for connection in connections:
            connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        session. For 5 minutes the same code gives the same session."""
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
        order, absent ones marked."""
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

    def _lease(self, seconds: float) -> _Connection:
        """The connection of the moment, with one call more on it."""
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
            old = self._connection
            if old is None or old.serial < blueprint.serial:
                self._connection = _Connection(blueprint)
                if old is not None:
                    self._retired.add(old)
                    self._drop_if_unused(old)
            connection = self._connection
            assert connection is not None
            connection.calls += 1
            return connection

    def _release(self, connection: _Connection) -> None:
        with self._lock:
            connection.calls -= 1
            self._drop_if_unused(connection)

    def _drop_if_unused(self, connection: _Connection) -> None:
        if connection.calls == 0 and connection in self._retired:
            self._retired.remove(connection)
            # Not here: this may be a thread of the channel itself.
            threading.Thread(
                target=connection.close, name="wxident-close", daemon=True
            ).start()

    # Calls.

    def _unary(self, call: Call[RequestT, ResponseT], timeout: Timeout) -> ResponseT:
        seconds = self._seconds(call, timeout)
        end = time.monotonic() + seconds
        connection = self._lease(seconds)
        try:
            return connection.unary(call)(
                call.request,
                timeout=max(end - time.monotonic(), 0.0),
                metadata=self._metadata(),
            )
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
        connection: _Connection | None = None
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

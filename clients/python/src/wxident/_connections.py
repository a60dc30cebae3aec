"""The connections of one client: as many as its calls take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wxident import _calls
from wxident._calls import Call, RequestT, ResponseT
from wxident._transport import Blueprint
from wxident.v1 import identity_service_pb2 as pb

FULL = 80
"""A connection with so many calls under way gets no more while another has
room. What is left of 100 is for calls that are not counted: health checks."""

MOST = 16
"""With all of these full, calls are spread over them, and wait when there is no
stream left, as gRPC has it."""


class Connection:
    """A channel, and how many calls are on it."""

    def __init__(self, blueprint: Blueprint, library: Any) -> None:
        """library: grpc or grpc.aio, whose channel it shall be."""
        if blueprint.credentials is None:
            self._channel = library.insecure_channel(
                blueprint.target, blueprint.options
            )
        else:
            self._channel = library.secure_channel(
                blueprint.target, blueprint.credentials, blueprint.options
            )
        self.calls = 0
        self._unary: dict[str, Any] = {}

    def unary(self, call: Call[RequestT, ResponseT]) -> Any:
        """The library's UnaryUnaryMultiCallable of the call's method."""
        made = self._unary.get(call.method)
        if made is None:
            made = self._unary[call.method] = self._channel.unary_unary(
                f"/{_calls.SERVICE}/{call.method}",
                request_serializer=type(call.request).SerializeToString,
                response_deserializer=call.response.FromString,
            )
        return made

    def watch(self) -> Any:
        """The library's UnaryStreamMultiCallable of WatchAccessToken."""
        return self._channel.unary_stream(
            f"/{_calls.SERVICE}/WatchAccessToken",
            request_serializer=pb.WatchAccessTokenRequest.SerializeToString,
            response_deserializer=pb.WatchAccessTokenResponse.FromString,
        )

    def close(self) -> Any:
        """Closes the channel; awaitable with grpc.aio."""
        return self._channel.close()


class Connections:
    """Gives each call a connection with room for it, and makes further ones.

    The server allows 256 streams on a connection, a proxy before it often 100,
    the least that RFC 9113 advises, and gRPC keeps a call beyond them back,
    without an error, until another one ends. The first connection with room gets
    a call, so further ones are left when there are fewer calls again, and gRPC
    disconnects a channel that has none for 30 minutes.

    Threads that share it lock around each method.
    """

    def __init__(self, library: Any, close: Callable[[Connection], object]) -> None:
        """library: grpc or grpc.aio. close: closes a connection that nobody
        uses, and does not wait for it."""
        self._library = library
        self._close = close
        self._blueprint: Blueprint | None = None
        self._current: list[Connection] = []
        # Of older Blueprints, and with calls.
        self._retired: set[Connection] = set()

    def lease(self, blueprint: Blueprint) -> Connection:
        """A connection of the newest Blueprint that was ever given, with one
        call more on it."""
        newest = self._blueprint
        if newest is None or newest.serial < blueprint.serial:
            newest = self._blueprint = blueprint
            old, self._current = self._current, []
            self._retired.update(old)
            for connection in old:
                self._drop_if_unused(connection)
        connection = self._with_room(newest)
        connection.calls += 1
        return connection

    def release(self, connection: Connection) -> None:
        """Takes note that a call has ended."""
        connection.calls -= 1
        self._drop_if_unused(connection)

    def clear(self) -> list[Connection]:
        """Forgets all connections, and gives them to who closes them."""
        every = [*self._retired, *self._current]
        self._retired.clear()
        self._current.clear()
        return every

    def _with_room(self, blueprint: Blueprint) -> Connection:
        for connection in self._current:
            if connection.calls < FULL:
                return connection
        if len(self._current) == MOST:
            return min(self._current, key=lambda connection: connection.calls)
        self._current.append(Connection(blueprint, self._library))
        return self._current[-1]

    def _drop_if_unused(self, connection: Connection) -> None:
        if connection.calls == 0 and connection in self._retired:
            self._retired.remove(connection)
            self._close(connection)

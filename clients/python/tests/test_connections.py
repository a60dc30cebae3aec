"""More calls at once than a connection takes."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc.aio
import pytest

import wxident.aio
from wxident import _connections
from wxident._connections import FULL, MOST, Connections
from wxident._transport import Blueprint
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import identity_service_pb2_grpc as services

MANY = 300


class HoldingServer(services.IdentityServiceServicer):
    """Takes 100 streams on a connection, fewer than wxident and as many as proxies
    often do, and answers no call before it is told to. It runs on a loop of its
    own."""

    def __init__(self):
        self.connections = set()
        self._changed = threading.Condition()
        self._held = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._do(self._start())

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _start(self):
        self._release = asyncio.Event()
        self._server = grpc.aio.server(
            options=[("grpc.max_concurrent_streams", 100), ("grpc.so_reuseport", 0)]
        )
        services.add_IdentityServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    def stop(self):
        self._do(self._server.stop(None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _hold(self, context):
        with self._changed:
            self.connections.add(context.peer())
            self._held += 1
            self._changed.notify_all()
        await self._release.wait()

    async def GetUser(self, request, context):
        await self._hold(context)
        return pb.GetUserResponse()

    async def WatchAccessToken(self, request, context):
        await self._hold(context)
        yield pb.WatchAccessTokenResponse(generation=1)

    def answer(self, count):
        """Waits until so many calls are there, and answers them all."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._held >= count, 60), (
                f"only {self._held} of {count} calls came"
            )
            self._held -= count

        async def release():
            self._release.set()
            self._release = asyncio.Event()

        self._do(release())


@pytest.fixture
def server():
    server = HoldingServer()
    yield server
    server.stop()


def get_user(client):
    client.get_user(user_id="x", timeout=90)


def watch(client):
    with client.watch_access_token("x", timeout=90) as stream:
        assert next(stream).generation == 1


async def aio_get_user(client):
    await client.get_user(user_id="x", timeout=90)


async def aio_watch(client):
    async with await client.watch_access_token("x", timeout=90) as stream:
        assert (await anext(stream)).generation == 1


@pytest.mark.parametrize("call", [get_user, watch])
def test_more_calls_at_once_than_a_connection_takes(server, call):
    with wxident.Client(server.address, insecure=True) as client:
        with ThreadPoolExecutor(MANY) as threads:
            # Connections are used again.
            for _ in range(3):
                calls = [threads.submit(call, client) for _ in range(MANY)]
                server.answer(MANY)
                for each in calls:
                    each.result()
    assert len(server.connections) == 4


@pytest.mark.parametrize("call", [aio_get_user, aio_watch])
async def test_more_calls_at_once_than_a_connection_takes_with_asyncio(server, call):
    async with wxident.aio.Client(server.address, insecure=True) as client:
        for _ in range(3):
            calls = [asyncio.create_task(call(client)) for _ in range(MANY)]
            await asyncio.to_thread(server.answer, MANY)
            await asyncio.gather(*calls)
    assert len(server.connections) == 4


class Library:
    """Stands in for grpc: its channels only remember how they were made."""

    class Channel:
        def __init__(self, target, options):
            self.target = target

    insecure_channel = Channel


def target_of(connection: _connections.Connection) -> str:
    return connection._channel.target


def blueprint(serial: int) -> Blueprint:
    return Blueprint(serial, f"target {serial}", (), None)


def test_one_is_filled_after_the_other():
    connections = Connections(Library, lambda connection: None)
    leased = [connections.lease(blueprint(1)) for _ in range(FULL * MOST)]
    first_of_each = leased[::FULL]
    assert len(set(first_of_each)) == MOST
    assert leased == [each for each in first_of_each for _ in range(FULL)]
    # All are full: calls are spread, and there are no more connections.
    more = [connections.lease(blueprint(1)) for _ in range(MOST)]
    assert more == first_of_each
    for connection in leased + more:
        connections.release(connection)
    assert connections.lease(blueprint(1)) is first_of_each[0]


def test_a_new_blueprint_retires_all():
    closed = []
    connections = Connections(Library, closed.append)
    old = [connections.lease(blueprint(1)) for _ in range(FULL + 1)]
    unused = old.pop()
    connections.release(unused)
    assert target_of(connections.lease(blueprint(2))) == "target 2"
    assert closed == [unused]
    # Who comes late with the older one gets the newer all the same.
    new = [connections.lease(blueprint(1)) for _ in range(FULL)]
    assert {target_of(connection) for connection in new} == {"target 2"}
    for connection in old:
        assert closed == [unused]
        connections.release(connection)
    assert closed == [unused, old[0]]

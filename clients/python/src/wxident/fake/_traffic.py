"""A call, from its coming in to its answer."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from wxident import _calls
from wxident.fake._faults import Fault, abort
from wxident.fake._world import World


@dataclass(frozen=True, repr=False)
class RecordedCall:
    """One call that the fake got."""

    rpc: str
    """Its name, such as "Login"."""

    request: Message
    """What was asked."""

    metadata: Mapping[str, str]
    """What came with it, such as "traceparent"."""


class Traffic:
    """The calls that came, and those that shall wait or fail."""

    def __init__(self, lock: threading.Condition) -> None:
        self.lock = lock
        self.calls: list[RecordedCall] = []
        self.faults: dict[str, list[Fault]] = {}
        self.held: list[str] = []
        self.stopping = False
        self.streams_end = 0
        self.stream_fault: Fault | None = None

    def begin(self, rpc: str, request: Message, context: grpc.ServicerContext) -> None:
        """Records a call, and ends it when it is to fail. Takes the lock."""
        with self.lock:
            metadata = {
                key: value
                for key, value in context.invocation_metadata()
                if isinstance(value, str)
            }
            self.calls.append(RecordedCall(rpc, request, metadata))
            self.lock.notify_all()
            if rpc in self.held:
                context.add_callback(self.wake)
            while rpc in self.held and context.is_active() and not self.stopping:
                self.lock.wait()
            faults = self.faults.get(rpc)
            if not faults:
                return
            fault = faults[0]
            fault.times -= 1
            if fault.times <= 0:
                faults.pop(0)
            raise dataclasses.replace(fault)

    def wake(self) -> None:
        """Has all that wait look again. Takes the lock."""
        with self.lock:
            self.lock.notify_all()


class Calls:
    """What the groups of calls have in common."""

    def __init__(self, world: World, traffic: Traffic) -> None:
        self.world = world
        self.traffic = traffic


def answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """An RPC's function under the lock, its faults as gRPC statuses."""
    rpc = function.__name__

    def answer(self: Calls, request: Any, context: grpc.ServicerContext) -> Any:
        spends = rpc == "Login" or (
            rpc == "DecryptPhone" and request.WhichOneof("source") == "phone_code"
        )
        try:
            self.traffic.begin(rpc, request, context)
            with self.world.lock:
                return function(self, request)
        except Fault as fault:
            abort(context, fault, spends)

    return answer


def check_rpc(rpc: str) -> None:
    """ValueError when the service has no such call."""
    if rpc not in _calls.UNARY_METHODS and rpc != "WatchAccessToken":
        raise ValueError(f"there is no RPC {rpc!r}")

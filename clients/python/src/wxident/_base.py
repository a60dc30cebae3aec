"""What the synchronous and the asyncio client have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from wxident import _config
from wxident._calls import Call, RequestT, ResponseT
from wxident._config import Timeout, TraceContext
from wxident._contract import TIMEOUTS
from wxident._transport import Transport

LOOK_UP_SECONDS = 20.0
"""What a call without a deadline waits for names to be looked up."""

ClientT = TypeVar("ClientT", bound="BaseClient")


class BaseClient:
    """Options, deadlines and metadata; all but the calls themselves."""

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
            known=TIMEOUTS,
        )
        self._transport = Transport(self._settings)
        self._closed = False
        self._prepare()

    def _prepare(self) -> None:
        """Makes what a kind of client has of its own."""

    @classmethod
    def from_env(
        cls: type[ClientT],
        environ: Mapping[str, str] | None = None,
        *,
        trace_context: TraceContext | None = None,
        timeouts: Mapping[str, float | timedelta] | None = None,
    ) -> ClientT:
        """Makes a client from environment variables: WXIDENT_CLIENT_ADDR, and
        perhaps WXIDENT_CLIENT_TLS_CA_FILE, WXIDENT_CLIENT_TLS_CERT_FILE,
        WXIDENT_CLIENT_TLS_KEY_FILE, WXIDENT_CLIENT_TLS_SERVER_NAME,
        WXIDENT_CLIENT_INSECURE.

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

"""What a client is made from: options, their check, the environment."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from wxident.errors import ConfigError

TraceContext = Callable[[], Mapping[str, str] | None]
"""Gives the "traceparent", and perhaps "tracestate", of the call being made."""

Timeout = float | timedelta | None
"""Seconds or a timedelta; None stands for the call's default."""

_ENVIRONMENT = {
    "address": "WXIDENT_CLIENT_ADDR",
    "ca_file": "WXIDENT_CLIENT_TLS_CA_FILE",
    "cert_file": "WXIDENT_CLIENT_TLS_CERT_FILE",
    "key_file": "WXIDENT_CLIENT_TLS_KEY_FILE",
    "server_name": "WXIDENT_CLIENT_TLS_SERVER_NAME",
    "insecure": "WXIDENT_CLIENT_INSECURE",
}


def name_of(option: str) -> str:
    """An option as errors call it, with its variable."""
    return f"{option} ({_ENVIRONMENT[option]})"


@dataclass(frozen=True)
class HostPort:
    """Where one server listens."""

    host: str
    port: int

    @property
    def ip(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The host as an IP address; None when it is a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def loopback(self) -> bool:
        """Whether it is this machine, without asking any name server."""
        ip = self.ip
        return self.host == "localhost" if ip is None else ip.is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True)
class Settings:
    """Options that have been checked."""

    endpoints: tuple[HostPort, ...]
    insecure: bool
    ca_file: str | None
    cert_file: str | None
    key_file: str | None
    server_name: str | None
    trace_context: TraceContext | None = None
    timeouts: Mapping[str, float] = field(default_factory=dict)


def seconds(timeout: float | timedelta) -> float:
    """A timeout in seconds; ValueError unless it is above zero."""
    value = (
        timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
    )
    if not value > 0:
        raise ValueError("timeout must be above zero")
    return value


def check(
    address: str,
    *,
    ca_file: str | None,
    cert_file: str | None,
    key_file: str | None,
    server_name: str | None,
    insecure: bool,
    trace_context: TraceContext | None,
    timeouts: Mapping[str, float | timedelta] | None,
    known: Mapping[str, object],
) -> Settings:
    """Checks what can be checked without files; ConfigError names the option."""
    endpoints = _endpoints(address)
    if insecure:
        for option, value in (
            ("ca_file", ca_file),
            ("cert_file", cert_file),
            ("key_file", key_file),
            ("server_name", server_name),
        ):
            if value:
                raise ConfigError(
                    f"{name_of(option)} is for TLS, which"
                    f" {name_of('insecure')} turns off; leave one of them out"
                )
        far = [endpoint for endpoint in endpoints if not endpoint.loopback]
        if far:
            raise ConfigError(
                f"{name_of('insecure')} allows plain text to this machine only"
                f" (127.0.0.0/8, ::1, localhost), and {name_of('address')} has"
                f" {far[0]}; use TLS"
            )
    if bool(cert_file) != bool(key_file):
        there, missing = (
            ("cert_file", "key_file") if cert_file else ("key_file", "cert_file")
        )
        raise ConfigError(f"{name_of(there)} needs {name_of(missing)} too")
    hosts = {endpoint.host for endpoint in endpoints}
    if not insecure and not server_name and len(hosts) > 1:
        raise ConfigError(
            f"{name_of('address')} has several hosts; set"
            f" {name_of('server_name')} to the name that the certificates of"
            " all of them have"
        )
    checked = {}
    for method, timeout in (timeouts or {}).items():
        if method not in known:
            raise ConfigError(
                f"timeouts has no method {method!r}; it takes"
                f" {', '.join(sorted(known))}"
            )
        try:
            checked[method] = seconds(timeout)
        except ValueError:
            raise ConfigError(f"timeouts[{method!r}] must be above zero") from None
    return Settings(
        endpoints=endpoints,
        insecure=insecure,
        ca_file=ca_file or None,
        cert_file=cert_file or None,
        key_file=key_file or None,
        server_name=server_name or None,
        trace_context=trace_context,
        timeouts=checked,
    )


def _endpoints(address: str) -> tuple[HostPort, ...]:
    what = name_of("address")
    if not address.strip():
        raise ConfigError(f"{what} is required: host:port, several by comma")
    parts = [part.strip() for part in address.split(",")]
    endpoints = []
    for part in parts:
        text = part
        if text.startswith("dns:"):
            # dns:///name:port; a name server of one's own is not supported.
            text = text.removeprefix("dns:")
            if text.startswith("//"):
                if not text.startswith("///"):
                    raise ConfigError(
                        f"{what}: {part!r} names a name server; write dns:///name:port"
                    )
                text = text.removeprefix("///")
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if bracketed:
            host = host[1:-1]
        if (
            not colon
            or not host
            or (":" in host) != bracketed
            or any(character in "/[]@%? \t" for character in host)
            or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)
        ):
            raise ConfigError(
                f"{what}: {part!r} is not host:port (an IPv6 address stands in [])"
            )
        endpoint = HostPort(host, int(port))
        if bracketed and endpoint.ip is None:
            raise ConfigError(f"{what}: {part!r} has no IPv6 address in its []")
        endpoints.append(endpoint)
    return tuple(dict.fromkeys(endpoints))


def from_environment(environ: Mapping[str, str]) -> dict[str, str | bool]:
    """The options that variables give; an empty variable is none."""
    options: dict[str, str | bool] = {}
    for option, variable in _ENVIRONMENT.items():
        text = environ.get(variable, "")
        if not text:
            continue
        if option == "insecure":
            if text.lower() not in ("true", "false", "1", "0"):
                raise ConfigError(
                    f"{name_of(option)} must be true or false, not {text!r}"
                )
            options[option] = text.lower() in ("true", "1")
        else:
            options[option] = text
    return options

"""What a channel is made of, and when a new one is due.

gRPC's Python library takes certificates and addresses once, when a channel is
made. A Transport watches the files, and the names when there are several, and
gives a new Blueprint when something has changed; the clients then make new
channels for new calls and close each old one after its last call.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import grpc

from wxident._config import HostPort, Settings, name_of
from wxident._contract import SERVICE_CONFIG
from wxident._version import __version__
from wxident.errors import ConfigError, WxidentError

_log = logging.getLogger("wxident")

FILE_CHECK_SECONDS = 10.0
"""Files are looked at this often at most."""

NAME_CHECK_SECONDS = 30.0
"""Several names are looked up again this often at most."""

_Stamp = tuple[tuple[int, int, int] | None, ...]
_Option = tuple[str, str | int]


@dataclass(frozen=True)
class Blueprint:
    """All that making a channel takes."""

    serial: int
    target: str
    options: tuple[_Option, ...]
    credentials: grpc.ChannelCredentials | None
    """None: plain text."""


class Transport:
    """Gives the Blueprint of the moment. Safe to use from any thread."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        resolve: Callable[[HostPort], Sequence[HostPort]] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._resolve = resolve or _resolve
        self._lock = threading.Lock()
        self._files = [
            (option, path)
            for option, path in (
                ("ca_file", settings.ca_file),
                ("cert_file", settings.cert_file),
                ("key_file", settings.key_file),
            )
            if path
        ]
        endpoints = settings.endpoints
        self._several_names = len(endpoints) > 1 and any(
            endpoint.ip is None for endpoint in endpoints
        )
        self._options = _options(settings)
        self._stamp = self._stamp_files()
        self._credentials = self._load()
        self._next_file_check = clock() + FILE_CHECK_SECONDS
        self._lookup: Future[None] | None = None
        self._next_lookup = clock()
        self._blueprint: Blueprint | None = None
        if not self._several_names:
            self._blueprint = Blueprint(
                1, _target(endpoints), self._options, self._credentials
            )

    def current(self) -> Blueprint | None:
        """The newest Blueprint; None while names are looked up for the first
        time, which `look_up` waits for."""
        with self._lock:
            now = self._clock()
            if self._files and now >= self._next_file_check:
                self._next_file_check = now + FILE_CHECK_SECONDS
                self._check_files()
            if (
                self._several_names
                and self._blueprint is not None
                and now >= self._next_lookup
            ):
                self._start_lookup()
            return self._blueprint

    def look_up(self) -> Future[None]:
        """The first look-up of the names: the one under way, or a new one."""
        with self._lock:
            return self._start_lookup()

    def _start_lookup(self) -> Future[None]:
        if self._lookup is not None:
            return self._lookup
        done: Future[None] = Future()
        self._lookup = done
        # Daemon: a name server that does not answer keeps no program from
        # ending.
        threading.Thread(
            target=self._run_lookup, args=(done,), name="wxident-names", daemon=True
        ).start()
        return done

    def _run_lookup(self, done: Future[None]) -> None:
        found: list[HostPort] = []
        trouble: list[str] = []
        for endpoint in self._settings.endpoints:
            try:
                found += self._resolve(endpoint)
            except OSError as error:
                trouble.append(f"{endpoint}: {error.strerror or error}")
        with self._lock:
            self._lookup = None
            self._next_lookup = self._clock() + NAME_CHECK_SECONDS
            old = self._blueprint
            if found:
                target = _target(found)
                if old is None or old.target != target:
                    self._replace(target)
        if found or old is not None:
            if trouble:
                _log.warning("names that were not found: %s", "; ".join(trouble))
            done.set_result(None)
        else:
            done.set_exception(
                WxidentError(
                    "no server of the address was found"
                    f" ({'; '.join(trouble)}); check {name_of('address')}, or"
                    " try again",
                    grpc.StatusCode.UNAVAILABLE,
                )
            )

    def _replace(self, target: str) -> None:
        serial = self._blueprint.serial + 1 if self._blueprint else 1
        self._blueprint = Blueprint(serial, target, self._options, self._credentials)

    def _check_files(self) -> None:
        stamp = self._stamp_files()
        if stamp == self._stamp:
            return
        try:
            self._credentials = self._load()
        except ConfigError as error:
            # Half written, perhaps: what was read before goes on, and the next
            # check tries again.
            _log.warning("TLS files have changed and cannot be used: %s", error.message)
            return
        self._stamp = stamp
        if self._blueprint is not None:
            self._replace(self._blueprint.target)

    def _stamp_files(self) -> _Stamp:
        stamps: list[tuple[int, int, int] | None] = []
        for _, path in self._files:
            try:
                status = os.stat(path)
            except OSError:
                stamps.append(None)
            else:
                stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(stamps)

    def _load(self) -> grpc.ChannelCredentials | None:
        if self._settings.insecure:
            return None
        content: dict[str, bytes] = {}
        for option, path in self._files:
            content[option] = _read(option, path)
        self._verify()
        for option, path in self._files:
            # So that what was verified is what is used.
            if _read(option, path) != content[option]:
                raise ConfigError(f"{name_of(option)}: {path} changes as it is read")
        return grpc.ssl_channel_credentials(
            root_certificates=content.get("ca_file") or _system_roots(),
            private_key=content.get("key_file"),
            certificate_chain=content.get("cert_file"),
        )

    def _verify(self) -> None:
        # gRPC would say nothing of a bad file, and fail every connection.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        settings = self._settings
        if settings.ca_file:
            try:
                context.load_verify_locations(settings.ca_file)
            except (OSError, ValueError):
                raise ConfigError(
                    f"{name_of('ca_file')}: {settings.ca_file} holds no"
                    " certificates in PEM"
                ) from None
        if settings.cert_file and settings.key_file:
            try:
                # A key with a passphrase must not ask at the terminal.
                context.load_cert_chain(settings.cert_file, settings.key_file, "")
            except (OSError, ValueError):
                raise ConfigError(
                    f"{name_of('cert_file')}, {name_of('key_file')}:"
                    f" {settings.cert_file} and {settings.key_file} are no"
                    " certificate in PEM and its key without a passphrase"
                ) from None


def _read(option: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise ConfigError(
            f"{name_of(option)}: cannot read {path}: {error.strerror}"
        ) from None


def _system_roots() -> bytes | None:
    # gRPC would take a list of its own, not the machine's.
    for path in (
        ssl.get_default_verify_paths().cafile,
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
    ):
        if not path:
            continue
        try:
            with open(path, "rb") as file:
                return file.read() or None
        except OSError:
            continue
    return None


def _options(settings: Settings) -> tuple[_Option, ...]:
    first = settings.endpoints[0]
    options: list[_Option] = [
        ("grpc.service_config", SERVICE_CONFIG),
        # Not from DNS.
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_retries", 1),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.max_receive_message_length", 4 * 1024 * 1024),
        # By default a server that is away is tried after 1 s, and in the end
        # every 2 minutes.
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.primary_user_agent", f"wxident-python/{__version__}"),
        # Channels of a process that are made alike share connections otherwise.
        ("grpc.use_local_subchannel_pool", 1),
        # Also the name that the server's certificate must have.
        ("grpc.default_authority", settings.server_name or str(first)),
    ]
    if all(endpoint.loopback for endpoint in settings.endpoints):
        # Nobody but this machine knows its loopback.
        options.append(("grpc.enable_http_proxy", 0))
    return tuple(options)


def _target(endpoints: Sequence[HostPort]) -> str:
    first = endpoints[0]
    if first.ip is None:
        return f"dns:///{first}"
    texts = sorted({str(endpoint) for endpoint in endpoints})
    if all(":" not in endpoint.host for endpoint in endpoints):
        return "ipv4:" + ",".join(texts)
    # A channel takes addresses of one family; IPv4 has a place in IPv6.
    return "ipv6:" + ",".join(
        text if text.startswith("[") else "[::ffff:{}]:{}".format(*text.split(":"))
        for text in texts
    )


def _resolve(endpoint: HostPort) -> Sequence[HostPort]:
    if endpoint.ip is not None:
        return [endpoint]
    infos = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    return [HostPort(str(info[4][0]), endpoint.port) for info in infos]

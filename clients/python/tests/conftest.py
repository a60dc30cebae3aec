"""What the tests share: a fake with an app and a person, certificates."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

import wxident.aio
import wxident.fake

APP = "wx4f4bc4dec97d474b"


@pytest.fixture
def fake() -> Iterator[wxident.fake.FakeServer]:
    with wxident.fake.FakeServer() as server:
        server.add_app(APP)
        yield server


@pytest.fixture
def alice(fake: wxident.fake.FakeServer) -> wxident.fake.FakeUser:
    return fake.add_user(APP, "alice")


@pytest.fixture
def client(fake: wxident.fake.FakeServer) -> wxident.Client:
    return fake.client()


@pytest.fixture
async def aio(fake: wxident.fake.FakeServer) -> AsyncIterator[wxident.aio.Client]:
    async with fake.aio_client() as client:
        yield client


async def called(fake: wxident.fake.FakeServer, rpc: str, count: int) -> None:
    """Waits for calls as FakeServer.wait_for_calls does, beside the loop."""
    await asyncio.to_thread(fake.wait_for_calls, rpc, count)


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that refuses connections: taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@dataclass(frozen=True)
class Pair:
    cert: Path
    key: Path


class Authority:
    """A CA that signs with openssl."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.ca = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}"),
            *("-keyout", str(self._key), "-out", str(self.ca)),
        )

    def sign(self, name: str, *san: str, expired: bool = False) -> Pair:
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={','.join(san)}\n" if san else "")
        _openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", f"/CN={name}"),
            *("-keyout", str(pair.key), "-out", str(request)),
        )
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.ca)),
            *("-CAkey", str(self._key), "-days", "-1" if expired else "2"),
            *("-extfile", str(extensions), "-out", str(pair.cert)),
        )
        return pair


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@dataclass(frozen=True)
class Certificates:
    authority: Authority
    server: Pair
    client: Pair
    expired: Pair
    stranger: Pair

    def server_credentials(self) -> grpc.ServerCredentials:
        """TLS that wants a client certificate of this CA."""
        return grpc.ssl_server_credentials(
            [(self.server.key.read_bytes(), self.server.cert.read_bytes())],
            root_certificates=self.authority.ca.read_bytes(),
            require_client_auth=True,
        )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder, "ca")
    return Certificates(
        authority,
        authority.sign(
            "server", "DNS:localhost", "DNS:wxident.internal", "IP:127.0.0.1"
        ),
        authority.sign("client"),
        authority.sign("expired", expired=True),
        Authority(folder, "other-ca").sign("stranger"),
    )

"""TLS and mutual TLS, and files that are replaced while calls go on."""

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from conftest import APP

import wxident
import wxident.aio
import wxident.fake
from wxident import _transport
from wxident._config import HostPort


@pytest.fixture
def tls_fake(certificates):
    with wxident.fake.FakeServer(credentials=certificates.server_credentials()) as fake:
        fake.add_app(APP)
        yield fake


@pytest.fixture
def options(certificates):
    return {
        "ca_file": str(certificates.authority.ca),
        "cert_file": str(certificates.client.cert),
        "key_file": str(certificates.client.key),
    }


def port(fake):
    return fake.address.rpartition(":")[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "dns:///localhost"])
def test_mutual_tls(tls_fake, options, host):
    with wxident.Client(f"{host}:{port(tls_fake)}", **options) as client:
        assert not client.validate_session("x").active


async def test_mutual_tls_with_asyncio(tls_fake, options):
    async with wxident.aio.Client(tls_fake.address, **options) as client:
        assert not (await client.validate_session("x")).active


def test_several_addresses(tls_fake, options, dead_port):
    address = f"127.0.0.1:{dead_port},{tls_fake.address}"
    with wxident.Client(address, **options) as client:
        assert not client.validate_session("x").active


def test_several_hosts_under_one_name(tls_fake, options, dead_port):
    address = f"localhost:{port(tls_fake)},127.0.0.1:{dead_port}"
    options["server_name"] = "wxident.internal"
    with wxident.Client(address, **options) as client:
        assert not client.validate_session("x").active


def refused(address, **options):
    with wxident.Client(address, **options) as client:
        with pytest.raises(wxident.WxidentError) as raised:
            client.validate_session("x")
    assert raised.value.code is grpc.StatusCode.UNAVAILABLE
    return raised.value


def test_another_name(tls_fake, options):
    refused(tls_fake.address, server_name="else.internal", **options)


@pytest.mark.parametrize("which", ["expired", "stranger"])
def test_a_certificate_that_the_server_refuses(tls_fake, options, certificates, which):
    pair = getattr(certificates, which)
    options |= {"cert_file": str(pair.cert), "key_file": str(pair.key)}
    assert "TLS" in refused(tls_fake.address, **options).message


def test_no_certificate(tls_fake, options):
    refused(tls_fake.address, ca_file=options["ca_file"])


def test_an_unknown_authority(tls_fake, options, certificates):
    options["ca_file"] = str(certificates.authority.folder / "other-ca.pem")
    refused(tls_fake.address, **options)


@pytest.mark.parametrize(
    ("option", "content", "words"),
    [
        ("ca_file", "", "WXIDENT_CLIENT_TLS_CA_FILE"),
        ("ca_file", "no pem", "WXIDENT_CLIENT_TLS_CA_FILE"),
        ("cert_file", "no pem", "WXIDENT_CLIENT_TLS_CERT_FILE"),
        ("key_file", "no pem", "WXIDENT_CLIENT_TLS_KEY_FILE"),
    ],
)
def test_bad_files(options, tmp_path, option, content, words):
    bad = tmp_path / "bad.pem"
    bad.write_text(content)
    with pytest.raises(wxident.ConfigError, match=words):
        wxident.Client("localhost:1", **{**options, option: str(bad)})


def test_a_key_of_another_certificate(options, certificates):
    options["key_file"] = str(certificates.expired.key)
    with pytest.raises(wxident.ConfigError, match="WXIDENT_CLIENT_TLS_KEY_FILE"):
        wxident.Client("localhost:1", **options)


# Reload.


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Files:
    """The client's files, to be replaced."""

    def __init__(self, folder, certificates):
        self.cert, self.key = folder / "tls.crt", folder / "tls.key"
        self.options = {
            "ca_file": str(certificates.authority.ca),
            "cert_file": str(self.cert),
            "key_file": str(self.key),
        }

    def replace(self, pair):
        for source, target in ((pair.cert, self.cert), (pair.key, self.key)):
            new = target.with_suffix(".new")
            shutil.copyfile(source, new)
            os.replace(new, target)


@pytest.fixture
def files(tmp_path, certificates):
    return Files(tmp_path, certificates)


def with_clock(client):
    clock = Clock()
    client._transport = _transport.Transport(client._settings, clock=clock)
    return clock


def test_a_renewed_certificate_is_used(tls_fake, certificates, files):
    files.replace(certificates.expired)
    with wxident.Client(tls_fake.address, **files.options) as client:
        clock = with_clock(client)
        with pytest.raises(wxident.WxidentError):
            client.validate_session("x")
        files.replace(certificates.client)
        # Not looked at yet.
        clock.now += 9
        with pytest.raises(wxident.WxidentError):
            client.validate_session("x")
        clock.now += 1
        assert not client.validate_session("x").active


async def test_a_renewed_certificate_is_used_with_asyncio(
    tls_fake, certificates, files
):
    files.replace(certificates.expired)
    async with wxident.aio.Client(tls_fake.address, **files.options) as client:
        clock = with_clock(client)
        with pytest.raises(wxident.WxidentError):
            await client.validate_session("x")
        files.replace(certificates.client)
        clock.now += 10
        assert not (await client.validate_session("x")).active


def test_no_call_is_dropped_by_a_reload(tls_fake, certificates, files):
    files.replace(certificates.client)
    with wxident.Client(tls_fake.address, **files.options) as client:
        clock = with_clock(client)
        stream = client.watch_access_token(APP)
        assert next(stream).generation == 1
        stop = threading.Event()

        def call():
            count = 0
            while not stop.is_set():
                client.validate_session("x")
                count += 1
            return count

        with ThreadPoolExecutor(4) as pool, tls_fake.hold("GetUser"):
            held = pool.submit(client.get_user, user_id="x", timeout=30)
            tls_fake.wait_for_calls("GetUser", 1)
            callers = [pool.submit(call) for _ in range(3)]
            [first] = client._connections._current
            for _ in range(5):
                files.replace(certificates.client)
                clock.now += 10
                seen = len(tls_fake.calls("ValidateSession"))
                tls_fake.wait_for_calls("ValidateSession", seen + 20)
            stop.set()
            assert all(caller.result() > 0 for caller in callers)
            assert client._connections._blueprint.serial == 6
            # Two calls are still on the first channel.
            assert first in client._connections._retired
            assert len(client._connections._retired) == 1
            assert not held.done()
        with pytest.raises(wxident.RequestInvalid):
            held.result()
        tls_fake.rotate_token(APP)
        assert next(stream).generation == 2
        stream.cancel()
        assert not client._connections._retired


async def test_no_call_is_dropped_by_a_reload_with_asyncio(
    tls_fake, certificates, files
):
    files.replace(certificates.client)
    async with wxident.aio.Client(tls_fake.address, **files.options) as client:
        clock = with_clock(client)
        stream = await client.watch_access_token(APP)
        assert (await anext(stream)).generation == 1
        [first] = client._connections._current
        files.replace(certificates.client)
        clock.now += 10
        await client.validate_session("x")
        assert client._connections._retired == {first}
        tls_fake.rotate_token(APP)
        assert (await anext(stream)).generation == 2
        stream.cancel()
        assert not client._connections._retired


def test_half_written_files_change_nothing(certificates, files, caplog):
    files.replace(certificates.client)
    with wxident.Client("localhost:1", **files.options) as client:
        clock = with_clock(client)
        before = client._transport.current()
        shutil.copyfile(certificates.expired.cert, files.cert)
        clock.now += 10
        assert client._transport.current() is before
        assert "cannot be used" in caplog.text
        files.key.unlink()
        clock.now += 10
        assert client._transport.current() is before
        shutil.copyfile(certificates.expired.key, files.key)
        clock.now += 10
        assert client._transport.current().serial == 2
        clock.now += 10
        assert client._transport.current().serial == 2


# Several names.


class Names:
    """A name server."""

    def __init__(self, **found):
        self.found = found
        self.asked = threading.Semaphore(0)

    def __call__(self, endpoint):
        self.asked.release()
        addresses = self.found.get(endpoint.host)
        if addresses is None:
            raise OSError(-2, "Name or service not known")
        return [HostPort(address, endpoint.port) for address in addresses]


def transport(names, clock):
    settings = wxident.Client("a:1,b:2", server_name="w")._settings
    return _transport.Transport(settings, clock=clock, resolve=names)


def test_names_are_looked_up_again(caplog):
    clock = Clock()
    names = Names(a=["10.0.0.1"], b=["10.0.0.2", "10.0.0.3"])
    made = transport(names, clock)
    assert made.current() is None
    made.look_up().result(10)
    first = made.current()
    assert first.target == "ipv4:10.0.0.1:1,10.0.0.2:2,10.0.0.3:2"
    names.found = {"a": ["10.0.0.1"], "b": ["10.0.0.4"]}
    clock.now += 29
    assert made.current() is first
    assert made._lookup is None
    clock.now += 1
    made.current()
    made.look_up().result(10)
    assert made.current().target == "ipv4:10.0.0.1:1,10.0.0.4:2"
    assert made.current().serial == 2
    # What was found goes on when nothing is found.
    names.found = {}
    made.look_up().result(10)
    assert made.current().serial == 2
    assert "Name or service not known" in caplog.text


def test_one_name_of_two_is_enough():
    made = transport(Names(b=["::1"]), Clock())
    made.look_up().result(10)
    assert made.current().target == "ipv6:[::1]:2"


def test_no_name_is_an_error_of_the_call():
    client = wxident.Client("a:1,b:2", server_name="w")
    names = Names()
    client._transport = _transport.Transport(client._settings, resolve=names)
    with pytest.raises(wxident.WxidentError) as raised:
        client.validate_session("x")
    assert raised.value.code is grpc.StatusCode.UNAVAILABLE
    assert "WXIDENT_CLIENT_ADDR" in raised.value.message


async def test_a_slow_name_server_does_not_outlast_the_deadline():
    release = threading.Event()

    def slow(endpoint):
        release.wait(30)
        return [endpoint]

    try:
        client = wxident.Client("a:1,b:2", server_name="w")
        client._transport = _transport.Transport(client._settings, resolve=slow)
        with pytest.raises(wxident.WxidentError) as raised:
            client.validate_session("x", timeout=0.1)
        assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
        other = wxident.aio.Client("a:1,b:2", server_name="w")
        other._transport = client._transport
        with pytest.raises(wxident.WxidentError) as raised:
            await other.validate_session("x", timeout=0.1)
        assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    finally:
        release.set()

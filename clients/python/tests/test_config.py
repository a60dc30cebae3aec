from datetime import timedelta

import grpc
import pytest

import wxident
import wxident.aio
from wxident import _config
from wxident._transport import _target

MAKERS = [wxident.Client, wxident.aio.Client]


def endpoints(address):
    return [str(endpoint) for endpoint in _config._endpoints(address)]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("h:1", ["h:1"]),
        ("dns:///wxident.internal:8443", ["wxident.internal:8443"]),
        ("dns:h:1", ["h:1"]),
        ("127.0.0.1:1, 127.0.0.1:2", ["127.0.0.1:1", "127.0.0.1:2"]),
        ("[::1]:65535", ["[::1]:65535"]),
        ("a:1,a:1", ["a:1"]),
    ],
)
def test_addresses(address, expected):
    assert endpoints(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "host",
        "host:",
        ":1",
        "host:0",
        "host:65536",
        "host:x",
        "host:\u0661",
        "::1:80",
        "[::1:80",
        "[name]:80",
        "a:1,",
        "http://host:80",
        "dns://8.8.8.8/host:80",
        "user@host:80",
    ],
)
@pytest.mark.parametrize("maker", MAKERS)
def test_bad_addresses(maker, address):
    with pytest.raises(wxident.ConfigError, match=r"address \(WXIDENT_CLIENT_ADDR\)"):
        maker(address)


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("name:1", "dns:///name:1"),
        ("127.0.0.1:2", "ipv4:127.0.0.1:2"),
        ("127.0.0.1:2,10.0.0.1:1", "ipv4:10.0.0.1:1,127.0.0.1:2"),
        ("[::1]:1", "ipv6:[::1]:1"),
        ("[::1]:1,127.0.0.1:2", "ipv6:[::ffff:127.0.0.1]:2,[::1]:1"),
    ],
)
def test_targets(address, target):
    assert _target(_config._endpoints(address)) == target


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"address": "example.com:1", "insecure": True}, "WXIDENT_CLIENT_INSECURE"),
        ({"address": "127.0.0.1:1,10.0.0.1:1", "insecure": True}, "10.0.0.1:1"),
        ({"cert_file": "x"}, "WXIDENT_CLIENT_TLS_KEY_FILE"),
        ({"key_file": "x"}, "WXIDENT_CLIENT_TLS_CERT_FILE"),
        ({"ca_file": "/no/such"}, "WXIDENT_CLIENT_TLS_CA_FILE"),
        ({"insecure": True, "ca_file": "x"}, "WXIDENT_CLIENT_TLS_CA_FILE"),
        ({"insecure": True, "server_name": "x"}, "WXIDENT_CLIENT_TLS_SERVER_NAME"),
        ({"address": "a:1,b:1"}, "WXIDENT_CLIENT_TLS_SERVER_NAME"),
        ({"timeouts": {"Login": 1}}, "'Login'"),
        ({"timeouts": {"login": 0}}, "above zero"),
    ],
)
def test_refusals_name_the_option_and_its_variable(maker, options, words):
    with pytest.raises(wxident.ConfigError) as raised:
        maker(**{"address": "127.0.0.1:1", **options})
    assert words in str(raised.value)
    assert raised.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.reason is wxident.Reason.UNSPECIFIED
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    "address", ["localhost:1", "127.9.9.9:1", "[::1]:1", "dns:///localhost:1"]
)
def test_plain_text_to_this_machine(address):
    wxident.Client(address, insecure=True).close()


@pytest.mark.parametrize("maker", MAKERS)
def test_environment(maker, certificates):
    client = maker.from_env(
        {
            "WXIDENT_CLIENT_ADDR": "wxident.internal:8443",
            "WXIDENT_CLIENT_TLS_CA_FILE": str(certificates.authority.ca),
            "WXIDENT_CLIENT_TLS_CERT_FILE": str(certificates.client.cert),
            "WXIDENT_CLIENT_TLS_KEY_FILE": str(certificates.client.key),
            "WXIDENT_CLIENT_TLS_SERVER_NAME": "other.internal",
            "WXIDENT_CLIENT_INSECURE": "false",
        }
    )
    assert client._settings == _config.Settings(
        endpoints=(_config.HostPort("wxident.internal", 8443),),
        insecure=False,
        ca_file=str(certificates.authority.ca),
        cert_file=str(certificates.client.cert),
        key_file=str(certificates.client.key),
        server_name="other.internal",
    )


def test_the_process_environment_is_the_default(monkeypatch):
    monkeypatch.setenv("WXIDENT_CLIENT_ADDR", "localhost:7")
    monkeypatch.setenv("WXIDENT_CLIENT_INSECURE", "1")
    with wxident.Client.from_env() as client:
        assert client._settings.insecure
        assert str(client._settings.endpoints[0]) == "localhost:7"


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({}, "WXIDENT_CLIENT_ADDR"),
        (
            {"WXIDENT_CLIENT_ADDR": "h:1", "WXIDENT_CLIENT_INSECURE": "yes"},
            "WXIDENT_CLIENT_INSECURE",
        ),
        ({"WXIDENT_CLIENT_ADDR": "h:1", "WXIDENT_CLIENT_INSECURE": "true"}, "h:1"),
    ],
)
def test_bad_environment(environ, variable):
    with pytest.raises(wxident.ConfigError, match=variable):
        wxident.Client.from_env(environ)


@pytest.mark.parametrize(
    ("value", "expected"), [(1, 1.0), (0.5, 0.5), (timedelta(minutes=1), 60.0)]
)
def test_timeouts(value, expected):
    assert _config.seconds(value) == expected


@pytest.mark.parametrize("value", [0, -1, float("nan"), timedelta(0)])
def test_bad_timeouts(value):
    with pytest.raises(ValueError, match="above zero"):
        _config.seconds(value)

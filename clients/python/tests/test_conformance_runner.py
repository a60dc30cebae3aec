"""The runner speaks its lines as the driver expects."""

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import APP

import wxident

RUNNER = Path(__file__).parent.parent / "conformance" / "runner.py"


class Runner:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, RUNNER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ident = 0
        self._answers = queue.Queue()
        self._early = {}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            self._answers.put(json.loads(line))

    def send(self, op, **args):
        self._ident += 1
        line = json.dumps({"id": self._ident, "op": op, "args": args})
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._ident

    def answer(self, ident):
        while ident not in self._early:
            got = self._answers.get(timeout=20)
            self._early[got.pop("id")] = got
        return self._early.pop(ident)

    def ask(self, op, **args):
        return self.answer(self.send(op, **args))

    def ok(self, op, **args):
        return self.ask(op, **args)["ok"]

    def error(self, op, **args):
        return self.ask(op, **args)["error"]

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(20)
        self._thread.join()
        self.process.stdout.close()
        return code


@pytest.fixture
def runner():
    made = Runner()
    yield made
    assert made.end() == 0


@pytest.fixture
def opened(runner, fake):
    assert runner.ok("open", name="c1", address=fake.address, insecure=True) == {}
    return runner


def test_hello(runner):
    answer = runner.ok("hello")
    assert answer["language"] == "python"
    assert answer["client_version"] == wxident.__version__


def test_exit(runner):
    assert runner.ok("exit") == {}
    assert runner.process.wait(20) == 0


def test_refusals(runner):
    error = runner.error("open", name="c1", address="example.com:1", insecure=True)
    assert error["reason"] == ""
    assert error["code"] == "INVALID_ARGUMENT"
    assert error["kind"] == "ConfigError"
    error = runner.error("open_env", name="c1", env={})
    assert "WXIDENT_CLIENT_ADDR" in error["message"]
    assert runner.error("nonsense")["code"] == "INTERNAL"


def test_calls(opened, fake, alice):
    env = {"WXIDENT_CLIENT_ADDR": fake.address, "WXIDENT_CLIENT_INSECURE": "true"}
    opened.ok("open_env", name="c2", env=env)
    login = opened.ok(
        "call",
        client="c2",
        method="Login",
        request={
            "appId": APP,
            "mini_program_code": alice.login_code(),
            "session_ttl": "90s",
        },
        traceparent="00-1",
    )["response"]
    assert login["new_user"] is True
    assert fake.calls("Login")[0].metadata["traceparent"] == "00-1"
    assert fake.calls("Login")[0].request.session_ttl.seconds == 90
    ref = {"app_id": APP, "openid": alice.openid}
    token = {"session_token": login["session_token"]}
    sealed = alice.encrypt({"a": 1})
    data = {"encrypted_data": sealed.encrypted_data, "iv": sealed.iv}
    official = "wx0a1b2c3d4e5f6071"
    fake.add_app(official, kind="official_account", redirect_hosts=("example.com",))
    for method, request in {
        "ValidateSession": {**token, "strong": True},
        "RefreshSession": token,
        "CheckSessionKey": token,
        "DecryptPhone": {**token, "encrypted": data},
        "DecryptUserData": {**token, **data},
        "GetUserInfo": {**token, "encrypted_profile": data, "language": "en"},
        "GetAccessToken": {"app_id": APP, "web": {"identity_ref": ref}},
        "GetJsapiSignature": {"app_id": official, "url": "https://example.com/"},
        "GetAuthorizeUrl": {
            "app_id": official,
            "redirect_uri": "https://example.com/",
            "scope": "snsapi_base",
            "state": "s",
        },
        "GetUser": {"union_ref": {"app_id": APP, "unionid": alice.unionid}},
        "BatchGetUsers": {"identity_refs": [ref], "refresh_followers": True},
        "RevokeSession": token,
    }.items():
        answer = opened.ok("call", client="c2", method=method, request=request)
        assert answer["response"], method
        # The fake got what the driver asked.
        sent = fake.calls(method)[-1].request
        assert {field.name for field, _ in sent.ListFields()} == set(request), method
    stored = opened.ok(
        "call",
        client="c1",
        method="GetUserInfo",
        request={"identity_ref": ref, "stored": {}},
    )
    assert stored["response"]["source"] == "USER_INFO_SOURCE_ENCRYPTED_PROFILE"
    watch = opened.ok(
        "call", client="c1", method="GetAccessToken", request={"app_id": APP}
    )
    assert watch["response"]["generation"] == "1"
    assert opened.ok("close", name="c2") == {}
    assert opened.error("call", client="c2", method="GetUser")["code"] == "INTERNAL"


def test_errors(opened, fake):
    error = opened.error(
        "call",
        client="c1",
        method="Login",
        request={"app_id": APP, "mini_program_code": "x"},
    )
    assert error["reason"] == "LOGIN_CODE_INVALID"
    assert error["code"] == "FAILED_PRECONDITION"
    assert error["errcode"] == "40029"
    assert error["kind"] == "LoginCodeInvalid"
    assert "violations" not in error
    assert "retry_after_ms" not in error
    error = opened.error("call", client="c1", method="GetUser", request={"user_id": ""})
    assert error["violations"] == ["user_id"]
    with fake.hold("GetUser"):
        error = opened.error("call", client="c1", method="GetUser", deadline_ms=100)
    assert error["code"] == "DEADLINE_EXCEEDED"
    assert error["reason"] == ""


def test_requests_are_worked_on_at_once(opened, fake, alice):
    validate = {
        "client": "c1",
        "method": "ValidateSession",
        "request": {"session_token": alice.session()},
    }
    with fake.hold("ValidateSession"):
        slow = [opened.send("call", **validate) for _ in range(3)]
        fake.wait_for_calls("ValidateSession", 3)
        assert opened.ok("hello")
    for ident in slow:
        assert opened.answer(ident)["ok"]["response"]["active"] is True


def test_token_source(opened, fake):
    opened.ok("token_source", client="c1", name="t1", app_id=APP)
    first = opened.ok("token_get", source="t1", deadline_ms=3000)
    assert first["generation"] == "1"
    rejected = opened.ok(
        "token_reject", source="t1", access_token=first["access_token"]
    )
    assert rejected["access_token"] != first["access_token"]
    assert opened.ok("token_get", source="t1") == rejected
    assert opened.ok("token_close", source="t1") == {}


@pytest.mark.parametrize(
    ("kind", "good", "bad", "down"),
    [("http", 200, 401, 503), ("grpc", "OK", "UNAUTHENTICATED", "UNAVAILABLE")],
)
def test_authenticate(opened, fake, alice, kind, good, bad, down):
    token = alice.session()

    def ask(value=None, strong=False):
        headers = {} if value is None else {"Authorization": f"Bearer {value}"}
        return opened.ok(
            "authenticate", client="c1", headers=headers, kind=kind, strong=strong
        )

    expected = {"status": good, "user_id": alice.user_id, "openid": alice.openid}
    assert ask(token) == expected
    assert ask(token) == expected
    assert len(fake.calls("ValidateSession")) == 1
    assert ask(token, strong=True) == expected
    assert fake.calls("ValidateSession")[-1].request.strong
    assert ask() == {"status": bad}
    assert ask("wxs1_none") == {"status": bad}
    fake.fail_next("ValidateSession", "OVERLOADED")
    assert ask("wxs1_other") == {"status": down}

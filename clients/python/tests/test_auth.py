"""The synchronous authenticator, in WSGI and in a grpc.server."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from wsgiref.util import setup_testing_defaults

import grpc
import pytest
from conftest import APP

import wxident
import wxident.fake
from wxident import _sessions
from wxident._sessions import Cache, Options, token_in
from wxident.auth import ServerInterceptor, SessionAuthenticator, WsgiMiddleware
from wxident.v1 import types_pb2 as types


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


def made(client, **options):
    """An authenticator and the clock of its cache."""
    authenticator = SessionAuthenticator(client, **options)
    clock = authenticator._cache.clock = Clock()
    return authenticator, clock


# Where the token is.


@pytest.mark.parametrize(
    ("headers", "cookies", "expected"),
    [
        (["Bearer t1"], [], "t1"),
        (["bearer   t1 "], [], "t1"),
        (["BEARER t1"], ["sid=t2"], "t1"),
        (["Basic abc"], ["sid=t2"], "t2"),
        ([], ['a={"x": 1, y}; sid=t2; b'], "t2"),
        ([], ['sid="t2"'], "t2"),
        ([], ["sid=t2; sid=t3"], "t2"),
        ([], ["other=1", "sid=t2"], "t2"),
        (["Bearer"], [], ""),
        ([], ["xsid=t2"], None),
        (["Basic abc"], [], None),
        ([], [], None),
    ],
)
def test_where_the_token_is(headers, cookies, expected):
    lenient = Options(strong=False, cookie="sid", allow_anonymous=True)
    assert token_in(lenient, headers, cookies) == expected
    strict = Options(strong=False, cookie="sid", allow_anonymous=False)
    wanted = _sessions.NO_TOKEN if expected is None else expected
    assert token_in(strict, headers, cookies) == wanted


def test_a_cookie_counts_only_where_it_is_named():
    options = Options(strong=False, cookie=None, allow_anonymous=True)
    assert token_in(options, [], ["sid=t"]) is None


def test_two_authorizations_are_none():
    options = Options(strong=False, cookie=None, allow_anonymous=True)
    assert token_in(options, ["Bearer a", "Bearer b"]) is _sessions.NO_TOKEN


@pytest.mark.parametrize("text", ["", "a b", "ä", "a\n", "=", "x" * 513])
def test_what_is_no_token_is_not_asked_about(fake, client, text):
    assert SessionAuthenticator(client).authenticate(text) is None
    assert fake.calls() == []


# The cache.


def test_the_cache_forgets_after_a_second():
    clock = Clock()
    cache = Cache(clock)
    cache.put(b"k", types.Session(user=types.User(user_id="u")), 49.5)
    clock.now = 50.49
    assert cache.get(b"k").user.user_id == "u"
    clock.now = 50.5
    assert cache.get(b"k") is None
    assert len(cache) == 0


def test_the_cache_is_bounded():
    clock = Clock()
    cache = Cache(clock)
    for number in range(10_005):
        cache.put(str(number).encode(), types.Session(), clock.now)
    assert len(cache) == 10_000
    assert cache.get(b"4") is None
    assert cache.get(b"5") is not None
    clock.now += 2
    cache.put(b"new", types.Session(), clock.now)
    assert len(cache) == 1


def test_a_cached_session_is_ones_own():
    cache = Cache(Clock())
    cache.put(b"k", types.Session(user=types.User(user_id="u")), 50)
    cache.get(b"k").user.user_id = "spoilt"
    assert cache.get(b"k").user.user_id == "u"


# Asking.


def test_an_active_session_is_asked_for_once_a_second(fake, alice, client):
    authenticator, clock = made(client)
    token = alice.session()
    for _ in range(5):
        session = authenticator.authenticate(token)
        assert session.user.user_id == alice.user_id
        assert session.identity.openid == alice.openid
    assert len(fake.calls()) == 1
    fake.revoke(token)
    clock.now += 0.99
    assert authenticator.authenticate(token) is not None
    clock.now += 0.01
    assert authenticator.authenticate(token) is None
    assert len(fake.calls()) == 2


def test_an_inactive_token_is_asked_about_each_time(fake, client):
    authenticator, _ = made(client)
    for _ in range(3):
        assert authenticator.authenticate("wxs1_none") is None
    assert len(fake.calls()) == 3


def test_strong_asks_the_database_each_time(fake, alice, client):
    authenticator, _ = made(client, strong=True)
    token = alice.session()
    for _ in range(3):
        assert authenticator.authenticate(token) is not None
    assert [call.request.strong for call in fake.calls()] == [True] * 3
    fake.revoke(token)
    assert authenticator.authenticate(token) is None


def test_requests_at_once_share_a_call(fake, alice, client):
    authenticator, _ = made(client)
    token = alice.session()
    other = alice.session()
    with fake.hold("ValidateSession"), ThreadPoolExecutor(33) as pool:
        calls = [pool.submit(authenticator.authenticate, token) for _ in range(32)]
        fake.wait_for_calls("ValidateSession", 1)
        # Another token has a call of its own.
        calls.append(pool.submit(authenticator.authenticate, other))
        fake.wait_for_calls("ValidateSession", 2)
        with pytest.raises(wxident.WxidentError) as raised:
            authenticator.authenticate(token, timeout=0.05)
        assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
        with fake._world.lock:
            fake._traffic.held.clear()
            fake._world.lock.notify_all()
        sessions = [call.result() for call in calls]
        fake._traffic.held.append("ValidateSession")
    assert len(fake.calls()) == 2
    assert len({id(session) for session in sessions}) == 33


def test_a_failure_is_shared_and_not_kept(fake, alice, client):
    authenticator, _ = made(client)
    token = alice.session()
    fake.fail_next("ValidateSession", "INTERNAL_FAULT")
    with pytest.raises(wxident.InternalFault):
        authenticator.authenticate(token)
    assert authenticator.authenticate(token) is not None


# WSGI.


class Site:
    """A WSGI application behind the middleware."""

    def __init__(self, authenticator):
        self.app = WsgiMiddleware(self._answer, authenticator)
        self.seen = []

    def _answer(self, environ, start_response):
        session = wxident.current_session()
        assert environ["wxident.session"] == session
        self.seen.append(session and session.user.user_id)
        start_response("200 OK", [])
        return [b"fine"]

    def get(self, **environ):
        setup_testing_defaults(environ)
        answer = {}

        def start_response(status, headers):
            answer.update(status=status, headers=dict(headers))

        answer["body"] = b"".join(self.app(environ, start_response))
        assert wxident.current_session() is None
        return answer


def test_wsgi(fake, alice, client):
    authenticator, _ = made(client, cookie="sid")
    site = Site(authenticator)
    token = alice.session()
    assert site.get(HTTP_AUTHORIZATION=f"Bearer {token}")["body"] == b"fine"
    assert site.get(HTTP_COOKIE=f"sid={token}")["status"] == "200 OK"
    assert site.seen == [alice.user_id] * 2
    for environ in ({}, {"HTTP_AUTHORIZATION": "Bearer wxs1_none"}):
        answer = site.get(**environ)
        assert answer["status"] == "401 Unauthorized"
        assert answer["headers"]["www-authenticate"] == "Bearer"
        assert int(answer["headers"]["content-length"]) == len(answer["body"])
    assert site.get(REQUEST_METHOD="HEAD")["body"] == b""
    assert len(site.seen) == 2


def test_could_not_ask_is_never_no(fake, alice, client):
    authenticator, _ = made(client)
    site = Site(authenticator)
    fake.fail_next("ValidateSession", "OVERLOADED", retry_after=timedelta(seconds=2.2))
    answer = site.get(HTTP_AUTHORIZATION="Bearer wxs1_x")
    assert answer["status"] == "503 Service Unavailable"
    assert answer["headers"]["retry-after"] == "3"
    fake.stop()
    answer = site.get(HTTP_AUTHORIZATION="Bearer wxs1_x")
    assert answer["status"] == "503 Service Unavailable"
    assert answer["headers"]["retry-after"] == "1"
    assert "www-authenticate" not in answer["headers"]
    fake.start()
    assert site.seen == []


def test_anonymous(alice, client):
    authenticator, _ = made(client, allow_anonymous=True)
    site = Site(authenticator)
    assert site.get()["status"] == "200 OK"
    assert site.seen == [None]
    bad = site.get(HTTP_AUTHORIZATION="Bearer wxs1_none")
    assert bad["status"] == "401 Unauthorized"


# gRPC.


def who():
    session = wxident.current_session()
    return session.user.user_id.encode() if session else b"nobody"


def unary(request, context):
    return who()


def stream(request, context):
    yield who()
    yield who()


HANDLERS = {
    "UnaryUnary": grpc.unary_unary_rpc_method_handler(unary),
    "UnaryStream": grpc.unary_stream_rpc_method_handler(stream),
    "StreamUnary": grpc.stream_unary_rpc_method_handler(unary),
    "StreamStream": grpc.stream_stream_rpc_method_handler(stream),
    "Open": grpc.unary_unary_rpc_method_handler(unary),
}


@pytest.fixture
def who_server(client):
    authenticator, _ = made(client)
    server = grpc.server(
        ThreadPoolExecutor(8),
        interceptors=[ServerInterceptor(authenticator, exempt=["/test.Who/Open"])],
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Who", HANDLERS),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    server.stop(None).wait()


def call(channel, method, *metadata):
    path = f"/test.Who/{method}"
    options = {"metadata": metadata, "timeout": 10}
    if method in ("UnaryUnary", "Open"):
        return [channel.unary_unary(path)(b"", **options)]
    if method == "UnaryStream":
        return list(channel.unary_stream(path)(b"", **options))
    if method == "StreamUnary":
        return [channel.stream_unary(path)(iter([b""]), **options)]
    return list(channel.stream_stream(path)(iter([b""]), **options))


SHAPES = ["UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream"]


@pytest.mark.parametrize("method", SHAPES)
def test_grpc(fake, alice, who_server, method):
    bearer = ("authorization", f"Bearer {alice.session()}")
    answers = call(who_server, method, bearer)
    assert set(answers) == {alice.user_id.encode()}
    for metadata in ((), (("authorization", "Bearer wxs1_none"),), (bearer, bearer)):
        with pytest.raises(grpc.RpcError) as raised:
            call(who_server, method, *metadata)
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    fake.fail_next("ValidateSession", "INTERNAL_FAULT")
    with pytest.raises(grpc.RpcError) as raised:
        call(who_server, method, ("authorization", "Bearer wxs1_x"))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_exempt_method(who_server):
    assert call(who_server, "Open") == [b"nobody"]


def test_an_unknown_method(who_server):
    with pytest.raises(grpc.RpcError) as raised:
        who_server.unary_unary("/test.Who/None")(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_calls_at_once_keep_their_people(fake, client, who_server):
    people = [fake.add_user(APP, f"user{number}") for number in range(8)]
    tokens = [person.session() for person in people]
    gate = threading.Barrier(8)

    def ask(number):
        gate.wait()
        bearer = ("authorization", f"Bearer {tokens[number]}")
        return [
            answer
            for _ in range(10)
            for answer in call(who_server, "UnaryStream", bearer)
        ]

    with ThreadPoolExecutor(8) as pool:
        for number, answers in enumerate(pool.map(ask, range(8))):
            assert answers == [people[number].user_id.encode()] * 20

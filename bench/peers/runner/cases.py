"""What is called: the requests of each case, and what an answer must be."""

import dataclasses
from collections.abc import Callable

from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2

from runner.world import APP, Failure

PEERS = ("wxident", "go", "java")
ECHOES = ("echo", "echo-checked", "echo-go")
# So few that what is kept in memory for a second is mostly there.
SESSIONS = 100
PHONES = 200


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    method: str
    servers: tuple[str, ...]
    in_flight: tuple[int, ...]
    # (world, server, count) -> messages. `count` matters where each is sent
    # once.
    requests: Callable
    # (server, answer) -> whether it is right, asked of the first one.
    right: Callable
    each_once: bool = False
    writes: bool = False
    wechat_latency_ms: int = 0


def access_token(world, server, count):
    return [pb.GetAccessTokenRequest(app_id=APP)]


def validate(strong):
    def requests(world, server, count):
        return [pb.ValidateSessionRequest(session_token=login.session_token,
                                          strong=strong)
                for login in server.logins[:SESSIONS]]
    return requests


def user(world, server, count):
    return [pb.GetUserRequest(user_id=login.user.user_id)
            for login in server.logins]


def phone(world, server, count):
    return [pb.DecryptPhoneRequest(
        session_token=login.session_token,
        encrypted=types_pb2.EncryptedData(
            encrypted_data=sealed["encrypted_data"], iv=sealed["iv"]))
        for login, sealed in zip(server.logins, world.phones)]


def login(world, server, count):
    return [pb.LoginRequest(app_id=APP, mini_program_code=code)
            for code in world.simulator.codes(world.people, count)]


def right_token(server, answer):
    return len(answer.access_token) > 100 and answer.expire_time.seconds > 0


def right_session(server, answer):
    expected = server.logins[0]
    return (answer.active and answer.session.user.user_id ==
            expected.user.user_id and answer.session.identity ==
            expected.identity)


def right_user(server, answer):
    expected = server.logins[0]
    return (answer.user.user_id == expected.user.user_id and
            list(answer.identities) == [expected.identity])


def right_phone(server, answer):
    return answer.phone.country_code == "86" and len(
        answer.phone.pure_phone_number) == 11


def right_login(server, answer):
    expected = server.logins[0]
    return (not answer.new_user and answer.session_token and
            answer.user.user_id == expected.user.user_id)


def logins(name, latency_ms):
    return Case(name, "Login", (*PEERS, "go-one"), (64, 256), login,
                right_login, each_once=True, writes=True,
                wechat_latency_ms=latency_ms)


USUAL = (1, 16, 128)
CASES = [
    Case("access-token", "GetAccessToken", PEERS + ECHOES, USUAL, access_token,
         right_token),
    Case("validate", "ValidateSession", PEERS, USUAL, validate(False),
         right_session),
    Case("validate-strong", "ValidateSession", PEERS, USUAL, validate(True),
         right_session),
    Case("user", "GetUser", PEERS, USUAL, user, right_user),
    logins("login", 0),
    logins("login-20ms", 20),
    Case("phone", "DecryptPhone", PEERS, USUAL, phone, right_phone,
         writes=True),
]


def probe(case, world, server):
    """Makes one call and returns how large the answer is, once it is right."""
    request = case.requests(world, server, 1)[0]
    answer = getattr(server.stub, case.method)(request, timeout=10)
    if not case.right(server, answer):
        raise Failure(f"{server.name} answers {case.name} wrong: {answer}")
    return answer.ByteSize()


def delimited(messages):
    """Each behind its size as a varint."""
    out = bytearray()
    for message in messages:
        data = message.SerializeToString()
        size = len(data)
        while size > 127:
            out.append(size & 127 | 128)
            size >>= 7
        out.append(size)
        out += data
    return bytes(out)

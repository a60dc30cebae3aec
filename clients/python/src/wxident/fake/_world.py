"""What the fake knows: apps, people, codes, sessions and tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from wxident.errors import Reason
from wxident.fake._faults import Fault, invalid
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types

CODE_LIFE = timedelta(minutes=5)
MAX_TTL = timedelta(days=30)
DEFAULT_TTL = timedelta(days=7)
TOKEN_LIFE = timedelta(hours=2)


@dataclass
class App:
    """A configured app, and its access_token."""

    app_id: str
    kind: str
    account: str
    redirect_hosts: tuple[str, ...]
    token: str = ""
    generation: int = 0
    expire_time: datetime = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Person:
    """A person, with an identity in each app."""

    user: types.User
    identities: dict[str, types.Identity] = field(default_factory=dict)
    profiles: dict[str, pb.GetUserInfoResponse] = field(default_factory=dict)


@dataclass
class Code:
    """A code that WeChat would have given."""

    kind: str
    app_id: str
    person: Person
    login: pb.LoginResponse | None = None
    used: bool = False


@dataclass
class Session:
    """A session of ours."""

    person: Person
    app_id: str
    create_time: datetime
    expire_time: datetime
    revoked: bool = False


@dataclass(frozen=True)
class FakeUser:
    """A person in one app, and what this person's phone and browser would do.
    Made by FakeServer.add_user."""

    app_id: str
    name: str
    user_id: str
    openid: str = field(repr=False)
    unionid: str = field(repr=False)
    _world: World = field(repr=False, compare=False)

    def login_code(self) -> str:
        """A code of wx.login, for mini_program_code."""
        return self._world.make_code("login", self)

    def oauth_code(self) -> str:
        """A code of WeChat's web page, for oauth_code."""
        return self._world.make_code("oauth", self)

    def phone_code(self) -> str:
        """A code of a getPhoneNumber event."""
        return self._world.make_code("phone", self)

    def encrypt(self, data: Mapping[str, Any]) -> types.EncryptedData:
        """Open data as WeChat would hand it to the mini program: for
        DecryptPhone {"phoneNumber", "purePhoneNumber", "countryCode"}, for an
        EncryptedProfile {"nickName", ...}, anything for DecryptUserData."""
        return self._world.encrypt(self, data)

    def session(self, ttl: timedelta | None = None) -> str:
        """A session token, as a login would give."""
        return self._world.begin_session(self, ttl)


class World:
    """Everything that the fake knows. What a method says nothing of is done with
    the lock held."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.lock = threading.Condition()
        self.apps: dict[str, App] = {}
        self.people: dict[tuple[str, str], Person] = {}
        self.codes: dict[str, tuple[datetime, Code]] = {}
        self.sessions: dict[str, Session] = {}
        self.encrypted: dict[tuple[str, str], tuple[str, Person, str]] = {}

    def make_code(self, kind: str, user: FakeUser) -> str:
        """A code of a kind: login, oauth or phone. Takes the lock."""
        with self.lock:
            code = secrets.token_hex(16)
            self.codes[code] = (
                self.now() + CODE_LIFE,
                Code(kind, user.app_id, self.person(user)),
            )
            return code

    def encrypt(self, user: FakeUser, data: Mapping[str, Any]) -> types.EncryptedData:
        """Open data that only this world decrypts. Takes the lock."""
        with self.lock:
            made = types.EncryptedData(
                encrypted_data=base64.b64encode(secrets.token_bytes(96)).decode(),
                iv=base64.b64encode(secrets.token_bytes(16)).decode(),
            )
            self.encrypted[made.encrypted_data, made.iv] = (
                user.app_id,
                self.person(user),
                json.dumps(data, ensure_ascii=False),
            )
            return made

    def begin_session(self, user: FakeUser, ttl: timedelta | None) -> str:
        """A session token, as a login would give. Takes the lock."""
        with self.lock:
            return self.new_session(self.person(user), user.app_id, ttl)[0]

    def person(self, user: FakeUser) -> Person:
        """The person that a FakeUser is."""
        return self.people[self.apps[user.app_id].account, user.name]

    def new_session(
        self, person: Person, app_id: str, ttl: timedelta | None
    ) -> tuple[str, Session]:
        """A session token and its session."""
        token = "wxs1_" + secrets.token_urlsafe(32)
        now = self.now()
        session = Session(person, app_id, now, now + min(ttl or DEFAULT_TTL, MAX_TTL))
        self.sessions[token] = session
        return token, session

    def store_profile(
        self,
        person: Person,
        app_id: str,
        info: types.UserInfo,
        source: types.UserInfoSource.ValueType,
    ) -> pb.GetUserInfoResponse:
        """Keeps a profile, as GetUserInfo answers it."""
        profile = pb.GetUserInfoResponse(
            user_info=info,
            identity=person.identities[app_id],
            user=person.user,
            source=source,
        )
        profile.fetch_time.FromDatetime(self.now())
        person.profiles[app_id] = profile
        return profile

    def rotate(self, app: App, life: timedelta, generation: int | None = None) -> str:
        """Gives an app a new access_token."""
        app.token = "98_" + secrets.token_urlsafe(60)
        app.generation = app.generation + 1 if generation is None else generation
        app.expire_time = self.now() + life
        self.lock.notify_all()
        return app.token

    def current(self, app: App) -> App:
        """The app, with a token that has not expired."""
        if app.expire_time <= self.now():
            self.rotate(app, TOKEN_LIFE)
        return app

    def app(self, app_id: str, path: str = "app_id") -> App:
        """The app of a request; `path` is the field that names it."""
        if not app_id:
            raise invalid(path, "is required")
        app = self.apps.get(app_id)
        if app is None:
            raise Fault(
                Reason.APP_UNKNOWN,
                f"{path} is no app of this server; check the id, or add the app to"
                " the server's configuration",
                violations=((path, "is no app of this server"),),
            )
        return app

    def take_code(self, kind: str, app_id: str, code: str) -> Code:
        """A code that is good for a use."""
        expire_time, found = self.codes.get(code, (self.now(), None))
        if (
            found is None
            or found.kind != kind
            or found.app_id != app_id
            or expire_time <= self.now()
        ):
            raise Fault(
                Reason.LOGIN_CODE_INVALID,
                "WeChat says that it does not know the code (errcode 40029); get a"
                " new code with wx.login",
                errcode="40029",
            )
        return found

    def active(self, token: str) -> Session | None:
        """The session of a token, if it is active."""
        if not token:
            raise invalid("session_token", "is required")
        if len(token) > 512:
            raise invalid("session_token", "is longer than 512 characters")
        session = self.sessions.get(token)
        if session is None or session.revoked or session.expire_time <= self.now():
            return None
        return session

    def must_be_active(self, token: str) -> Session:
        """The session of a token."""
        session = self.active(token)
        if session is None:
            raise Fault(
                Reason.SESSION_NOT_ACTIVE,
                "the session token is unknown, expired or revoked; log in again",
            )
        return session

    def decrypt(self, session: Session, data: str, iv: str) -> dict[str, Any]:
        """What `encrypt` encrypted for the session's person."""
        if not data:
            raise invalid("encrypted_data", "is required")
        if not iv:
            raise invalid("iv", "is required")
        app_id, person, text = self.encrypted.get((data, iv), ("", None, ""))
        if person is not session.person or app_id != session.app_id:
            raise Fault(
                Reason.DECRYPT_REJECTED,
                "the encrypted data did not open; log in again (wx.login first),"
                " then ask WeChat for the data again",
            )
        opened = json.loads(text)
        assert isinstance(opened, dict)
        return opened

    def find_identity(self, ref: types.IdentityRef, path: str) -> Person | None:
        """The person who has this identity, if there is one."""
        self.app(ref.app_id, f"{path}.app_id")
        if not ref.openid:
            raise invalid(f"{path}.openid", "is required")
        for person in self.people.values():
            identity = person.identities.get(ref.app_id)
            if identity is not None and identity.openid == ref.openid:
                return person
        return None

    def find_user(self, user_id: str, path: str) -> Person | None:
        """The person who has this user_id, if there is one."""
        try:
            good = str(uuid.UUID(user_id)) == user_id
        except ValueError:
            good = False
        if not good:
            raise invalid(path, "must be a UUID in lower-case text form")
        for person in self.people.values():
            if person.user.user_id == user_id:
                return person
        return None


def made_up(text: str) -> str:
    """An id like those of WeChat, always the same for a text."""
    digest = hashlib.sha256(text.encode()).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode()[:27]

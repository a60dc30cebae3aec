"""How the fake answers calls about people."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from wxident.errors import Reason
from wxident.fake._faults import Fault, invalid
from wxident.fake._traffic import Calls, answering
from wxident.fake._world import Person
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types


class UserCalls(Calls):
    """GetUserInfo, GetUser and BatchGetUsers."""

    @answering
    def GetUserInfo(self, request: pb.GetUserInfoRequest) -> pb.GetUserInfoResponse:
        world = self.world
        if request.language not in ("", "zh_CN", "zh_TW", "en"):
            raise invalid("language", "must be zh_CN, zh_TW or en")
        source = request.WhichOneof("source")
        if source is None:
            raise invalid(
                "source", "is required: encrypted_profile, stored, oauth or follower"
            )
        subject = request.WhichOneof("subject")
        if subject is None:
            raise invalid("subject", "is required: session_token or identity_ref")
        session = None
        if subject == "session_token":
            session = world.must_be_active(request.session_token)
            person, app_id = session.person, session.app_id
        else:
            found = world.find_identity(request.identity_ref, "identity_ref")
            if found is None:
                raise Fault(
                    Reason.USER_NOT_FOUND,
                    "no user has this identity_ref; it has never logged in",
                )
            person, app_id = found, request.identity_ref.app_id
        if source == "encrypted_profile":
            if session is None:
                raise invalid("identity_ref", "does not go with encrypted_profile")
            profile = request.encrypted_profile
            opened = world.decrypt(session, profile.encrypted_data, profile.iv)
            info = types.UserInfo(
                nickname=str(opened.get("nickName", "")),
                avatar_url=str(opened.get("avatarUrl", "")),
            )
            return world.store_profile(
                person, app_id, info, types.USER_INFO_SOURCE_ENCRYPTED_PROFILE
            )
        stored = person.profiles.get(app_id)
        if stored is None:
            raise Fault(
                Reason.PROFILE_NOT_FOUND,
                "no profile has been stored for this identity; get one first",
            )
        if source == "oauth":
            stored.source = types.USER_INFO_SOURCE_OAUTH
        elif source == "follower":
            stored.source = types.USER_INFO_SOURCE_FOLLOWER
        return stored

    @answering
    def GetUser(self, request: pb.GetUserRequest) -> pb.GetUserResponse:
        world = self.world
        which = request.WhichOneof("subject")
        if which == "user_id":
            person = world.find_user(request.user_id, "user_id")
        elif which == "identity_ref":
            person = world.find_identity(request.identity_ref, "identity_ref")
        elif which == "union_ref":
            account = world.app(request.union_ref.app_id, "union_ref.app_id").account
            person = next(
                (
                    someone
                    for (its_account, _), someone in world.people.items()
                    if its_account == account
                    and any(
                        identity.unionid == request.union_ref.unionid
                        for identity in someone.identities.values()
                    )
                ),
                None,
            )
        else:
            raise invalid("subject", "is required: user_id, identity_ref or union_ref")
        if person is None:
            raise Fault(
                Reason.USER_NOT_FOUND,
                "no user has this id; check it, or let the person log in first",
            )
        return pb.GetUserResponse(
            user=person.user, identities=person.identities.values()
        )

    @answering
    def BatchGetUsers(
        self, request: pb.BatchGetUsersRequest
    ) -> pb.BatchGetUsersResponse:
        world = self.world
        if len(request.identity_refs) > 500:
            raise invalid("identity_refs", "has more than 500 entries")
        if len(request.user_ids) > 500:
            raise invalid("user_ids", "has more than 500 entries")
        if request.identity_refs and request.user_ids:
            raise invalid("user_ids", "must be empty when identity_refs is not")
        answer = pb.BatchGetUsersResponse()
        for index, ref in enumerate(request.identity_refs):
            with _one_of(answer) as found:
                person = world.find_identity(ref, f"identity_refs[{index}]")
                _fill(found, person)
        for index, user_id in enumerate(request.user_ids):
            with _one_of(answer) as found:
                _fill(found, world.find_user(user_id, f"user_ids[{index}]"))
        return answer


@contextlib.contextmanager
def _one_of(answer: pb.BatchGetUsersResponse) -> Iterator[pb.FoundUser]:
    """One more user of an answer; a fault is this one's alone."""
    found = answer.users.add()
    try:
        yield found
    except Fault as fault:
        found.error.reason = fault.reason.value
        found.error.message = fault.message
        found.error.errcode = fault.errcode or ""


def _fill(found: pb.FoundUser, person: Person | None) -> None:
    if person is None:
        return
    found.found = True
    found.user.CopyFrom(person.user)
    found.identities.extend(person.identities.values())

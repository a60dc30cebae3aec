"""How the fake answers calls about sessions."""

from __future__ import annotations

from datetime import timedelta

from wxident.fake._faults import invalid
from wxident.fake._traffic import Calls, answering
from wxident.v1 import identity_service_pb2 as pb


class SessionCalls(Calls):
    """Login to CheckSessionKey."""

    @answering
    def Login(self, request: pb.LoginRequest) -> pb.LoginResponse:
        world = self.world
        app = world.app(request.app_id)
        which = request.WhichOneof("credential")
        if which is None:
            raise invalid("credential", "is required: mini_program_code or oauth_code")
        mini = which == "mini_program_code"
        if mini != (app.kind == "mini_program"):
            raise invalid(
                which,
                "needs an app_id that is configured as "
                + (
                    "a mini program"
                    if mini
                    else "an official account, website or mobile app"
                ),
            )
        text = request.mini_program_code if mini else request.oauth_code
        if not text:
            raise invalid(which, "is required")
        ttl = None
        if request.HasField("session_ttl"):
            ttl = request.session_ttl.ToTimedelta()
            if ttl < timedelta(seconds=1):
                raise invalid("session_ttl", "must be at least 1 s")
        code = world.take_code("login" if mini else "oauth", app.app_id, text)
        if code.login is None:
            token, session = world.new_session(code.person, app.app_id, ttl)
            first = not any(
                other is not session and other.person is code.person
                for other in world.sessions.values()
            )
            code.login = pb.LoginResponse(
                session_token=token,
                user=code.person.user,
                identity=code.person.identities[app.app_id],
                new_user=first,
            )
            code.login.expire_time.FromDatetime(session.expire_time)
        return code.login

    @answering
    def ValidateSession(
        self, request: pb.ValidateSessionRequest
    ) -> pb.ValidateSessionResponse:
        session = self.world.active(request.session_token)
        if session is None:
            return pb.ValidateSessionResponse(active=False)
        answer = pb.ValidateSessionResponse(active=True)
        answer.session.user.CopyFrom(session.person.user)
        answer.session.identity.CopyFrom(session.person.identities[session.app_id])
        answer.session.create_time.FromDatetime(session.create_time)
        answer.session.expire_time.FromDatetime(session.expire_time)
        return answer

    @answering
    def RefreshSession(
        self, request: pb.RefreshSessionRequest
    ) -> pb.RefreshSessionResponse:
        old = self.world.must_be_active(request.session_token)
        token, session = self.world.new_session(
            old.person, old.app_id, old.expire_time - old.create_time
        )
        answer = pb.RefreshSessionResponse(session_token=token)
        answer.expire_time.FromDatetime(session.expire_time)
        return answer

    @answering
    def RevokeSession(
        self, request: pb.RevokeSessionRequest
    ) -> pb.RevokeSessionResponse:
        world = self.world
        which = request.WhichOneof("target")
        if which is None:
            raise invalid("target", "is required: session_token or user_id")
        if which == "session_token":
            one = world.active(request.session_token)
            ended = [] if one is None else [one]
        else:
            person = world.find_user(request.user_id, "user_id")
            ended = [
                session
                for session in world.sessions.values()
                if session.person is person
                and not session.revoked
                and session.expire_time > world.now()
            ]
        for session in ended:
            session.revoked = True
        return pb.RevokeSessionResponse(revoked_count=len(ended))

    @answering
    def CheckSessionKey(
        self, request: pb.CheckSessionKeyRequest
    ) -> pb.CheckSessionKeyResponse:
        self.world.must_be_active(request.session_token)
        return pb.CheckSessionKeyResponse(valid=True)

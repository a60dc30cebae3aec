"""The unary calls: their requests, made from arguments, and their deadlines.

The synchronous and the asyncio client send what is made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from google.protobuf import duration_pb2
from google.protobuf.message import Message

from wxident._contract import LONGEST_TIMEOUTS, TIMEOUTS
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types

SERVICE = "wxident.v1.IdentityService"

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)

InfoSource = (
    types.EncryptedProfile | pb.StoredProfile | pb.OauthProfile | pb.FollowerProfile
)
"""Where GetUserInfo takes a profile from."""

TokenKind = pb.AppAccessToken | pb.WebAccessToken
"""Which of WeChat's two kinds of access_token."""


@dataclass(frozen=True, repr=False)
class Call(Generic[RequestT, ResponseT]):
    """One call: what to send, and how long to wait when nobody says."""

    name: str
    """The method of the client, such as "get_user"."""

    method: str
    """The RPC, such as "GetUser"."""

    request: RequestT
    response: type[ResponseT]
    timeout: float


UNARY_METHODS = tuple(
    "".join(part.capitalize() for part in name.split("_")) for name in TIMEOUTS
)


def _call(
    name: str, request: RequestT, response: type[ResponseT]
) -> Call[RequestT, ResponseT]:
    method = "".join(part.capitalize() for part in name.split("_"))
    return Call(name, method, request, response, TIMEOUTS[name])


def _at_most_one(method: str, **given: object) -> None:
    there = [name for name, value in given.items() if value is not None]
    if len(there) > 1:
        raise TypeError(f"{method} takes {' or '.join(there)}, not both")


def login(
    app_id: str,
    mini_program_code: str | None,
    oauth_code: str | None,
    session_ttl: timedelta | None,
) -> Call[pb.LoginRequest, pb.LoginResponse]:
    _at_most_one("login", mini_program_code=mini_program_code, oauth_code=oauth_code)
    request = pb.LoginRequest(app_id=app_id)
    if mini_program_code is not None:
        request.mini_program_code = mini_program_code
    if oauth_code is not None:
        request.oauth_code = oauth_code
    if session_ttl is not None:
        ttl = duration_pb2.Duration()
        ttl.FromTimedelta(session_ttl)
        request.session_ttl.CopyFrom(ttl)
    return _call("login", request, pb.LoginResponse)


def validate_session(
    session_token: str, strong: bool
) -> Call[pb.ValidateSessionRequest, pb.ValidateSessionResponse]:
    request = pb.ValidateSessionRequest(session_token=session_token, strong=strong)
    return _call("validate_session", request, pb.ValidateSessionResponse)


def refresh_session(
    session_token: str,
) -> Call[pb.RefreshSessionRequest, pb.RefreshSessionResponse]:
    request = pb.RefreshSessionRequest(session_token=session_token)
    return _call("refresh_session", request, pb.RefreshSessionResponse)


def revoke_session(
    session_token: str | None, user_id: str | None
) -> Call[pb.RevokeSessionRequest, pb.RevokeSessionResponse]:
    _at_most_one("revoke_session", session_token=session_token, user_id=user_id)
    request = pb.RevokeSessionRequest()
    if session_token is not None:
        request.session_token = session_token
    if user_id is not None:
        request.user_id = user_id
    return _call("revoke_session", request, pb.RevokeSessionResponse)


def check_session_key(
    session_token: str,
) -> Call[pb.CheckSessionKeyRequest, pb.CheckSessionKeyResponse]:
    request = pb.CheckSessionKeyRequest(session_token=session_token)
    return _call("check_session_key", request, pb.CheckSessionKeyResponse)


def decrypt_phone(
    session_token: str,
    encrypted: types.EncryptedData | None,
    phone_code: str | None,
) -> Call[pb.DecryptPhoneRequest, pb.DecryptPhoneResponse]:
    _at_most_one("decrypt_phone", encrypted=encrypted, phone_code=phone_code)
    request = pb.DecryptPhoneRequest(session_token=session_token)
    if encrypted is not None:
        request.encrypted.CopyFrom(encrypted)
    if phone_code is not None:
        request.phone_code = phone_code
    return _call("decrypt_phone", request, pb.DecryptPhoneResponse)


def decrypt_user_data(
    session_token: str, encrypted_data: str, iv: str
) -> Call[pb.DecryptUserDataRequest, pb.DecryptUserDataResponse]:
    request = pb.DecryptUserDataRequest(
        session_token=session_token, encrypted_data=encrypted_data, iv=iv
    )
    return _call("decrypt_user_data", request, pb.DecryptUserDataResponse)


def get_user_info(
    session_token: str | None,
    identity_ref: types.IdentityRef | None,
    source: InfoSource | None,
    language: str | None,
) -> Call[pb.GetUserInfoRequest, pb.GetUserInfoResponse]:
    _at_most_one(
        "get_user_info", session_token=session_token, identity_ref=identity_ref
    )
    request = pb.GetUserInfoRequest(language=language or "")
    if session_token is not None:
        request.session_token = session_token
    if identity_ref is not None:
        request.identity_ref.CopyFrom(identity_ref)
    if isinstance(source, types.EncryptedProfile):
        request.encrypted_profile.CopyFrom(source)
    elif isinstance(source, pb.StoredProfile):
        request.stored.CopyFrom(source)
    elif isinstance(source, pb.OauthProfile):
        request.oauth.CopyFrom(source)
    elif isinstance(source, pb.FollowerProfile):
        request.follower.CopyFrom(source)
    elif source is not None:
        raise TypeError(
            "get_user_info takes as source an EncryptedProfile, StoredProfile,"
            " OauthProfile or FollowerProfile"
        )
    return _call("get_user_info", request, pb.GetUserInfoResponse)


def get_access_token(
    app_id: str, rejected_access_token: str | None, kind: TokenKind | None
) -> Call[pb.GetAccessTokenRequest, pb.GetAccessTokenResponse]:
    request = pb.GetAccessTokenRequest(
        app_id=app_id, rejected_access_token=rejected_access_token or ""
    )
    if isinstance(kind, pb.AppAccessToken):
        request.app.CopyFrom(kind)
    elif isinstance(kind, pb.WebAccessToken):
        request.web.CopyFrom(kind)
    elif kind is not None:
        raise TypeError("get_access_token takes as kind AppAccessToken, WebAccessToken")
    return _call("get_access_token", request, pb.GetAccessTokenResponse)


def get_jsapi_signature(
    app_id: str, url: str
) -> Call[pb.GetJsapiSignatureRequest, pb.GetJsapiSignatureResponse]:
    request = pb.GetJsapiSignatureRequest(app_id=app_id, url=url)
    return _call("get_jsapi_signature", request, pb.GetJsapiSignatureResponse)


def get_authorize_url(
    app_id: str, redirect_uri: str, scope: str, state: str
) -> Call[pb.GetAuthorizeUrlRequest, pb.GetAuthorizeUrlResponse]:
    request = pb.GetAuthorizeUrlRequest(
        app_id=app_id, redirect_uri=redirect_uri, scope=scope, state=state
    )
    return _call("get_authorize_url", request, pb.GetAuthorizeUrlResponse)


def get_user(
    user_id: str | None,
    identity_ref: types.IdentityRef | None,
    union_ref: types.UnionRef | None,
) -> Call[pb.GetUserRequest, pb.GetUserResponse]:
    _at_most_one(
        "get_user", user_id=user_id, identity_ref=identity_ref, union_ref=union_ref
    )
    request = pb.GetUserRequest()
    if user_id is not None:
        request.user_id = user_id
    if identity_ref is not None:
        request.identity_ref.CopyFrom(identity_ref)
    if union_ref is not None:
        request.union_ref.CopyFrom(union_ref)
    return _call("get_user", request, pb.GetUserResponse)


def batch_get_users(
    identity_refs: Iterable[types.IdentityRef],
    user_ids: Iterable[str],
    refresh_followers: bool,
) -> Call[pb.BatchGetUsersRequest, pb.BatchGetUsersResponse]:
    if isinstance(user_ids, str):
        raise TypeError("batch_get_users takes several user_ids, not a str")
    request = pb.BatchGetUsersRequest(
        identity_refs=identity_refs,
        user_ids=user_ids,
        refresh_followers=refresh_followers,
    )
    call = _call("batch_get_users", request, pb.BatchGetUsersResponse)
    if refresh_followers:
        call = Call(
            call.name,
            call.method,
            request,
            call.response,
            LONGEST_TIMEOUTS[call.name],
        )
    return call

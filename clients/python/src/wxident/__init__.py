"""wxident: who is this WeChat user, and which token do I use?

    with wxident.Client("wxident.internal:8443") as client:
        answer = client.login(app_id, mini_program_code=code)

`wxident.aio` has the same for asyncio, `wxident.auth` lets a server accept
session tokens, `wxident.fake` is a server for unit tests.
"""

from wxident._client import Client, WatchStream
from wxident._sessions import current_session
from wxident._version import __version__
from wxident.auth import ServerInterceptor, SessionAuthenticator, WsgiMiddleware
from wxident.errors import *  # noqa: F403
from wxident.errors import __all__ as _errors
from wxident.tokens import AccessToken, AccessTokenSource
from wxident.v1.identity_service_pb2 import (
    AppAccessToken,
    FollowerProfile,
    OauthProfile,
    StoredProfile,
    WebAccessToken,
)
from wxident.v1.types_pb2 import (
    EncryptedData,
    EncryptedProfile,
    Identity,
    IdentityRef,
    Session,
    UnionRef,
    User,
    UserInfo,
)

__all__ = [
    "AccessToken",
    "AccessTokenSource",
    "AppAccessToken",
    "Client",
    "EncryptedData",
    "EncryptedProfile",
    "FollowerProfile",
    "Identity",
    "IdentityRef",
    "OauthProfile",
    "ServerInterceptor",
    "Session",
    "SessionAuthenticator",
    "StoredProfile",
    "UnionRef",
    "User",
    "UserInfo",
    "WatchStream",
    "WebAccessToken",
    "WsgiMiddleware",
    "__version__",
    "current_session",
]
__all__ += _errors

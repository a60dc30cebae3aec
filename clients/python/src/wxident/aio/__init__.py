"""wxident for asyncio: the same names as in wxident, with await.

async with wxident.aio.Client("wxident.internal:8443") as client:
    answer = await client.validate_session(token)
"""

from wxident._sessions import current_session
from wxident.aio._auth import AsgiMiddleware, ServerInterceptor, SessionAuthenticator
from wxident.aio._client import Client, WatchStream
from wxident.aio._tokens import AccessTokenSource

__all__ = [
    "AccessTokenSource",
    "AsgiMiddleware",
    "Client",
    "ServerInterceptor",
    "SessionAuthenticator",
    "WatchStream",
    "current_session",
]

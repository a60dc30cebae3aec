"""How the fake answers calls about apps' tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import grpc

from wxident.errors import Reason
from wxident.fake._faults import Fault, abort, invalid
from wxident.fake._traffic import Calls, answering
from wxident.fake._world import TOKEN_LIFE, made_up
from wxident.v1 import identity_service_pb2 as pb
from wxident.v1 import types_pb2 as types


class TokenCalls(Calls):
    """GetAccessToken to GetAuthorizeUrl."""

    @answering
    def GetAccessToken(
        self, request: pb.GetAccessTokenRequest
    ) -> pb.GetAccessTokenResponse:
        world = self.world
        app = world.app(request.app_id)
        if request.WhichOneof("kind") == "web":
            ref = request.web.identity_ref
            if world.find_identity(ref, "web.identity_ref") is None:
                raise Fault(
                    Reason.USER_NOT_FOUND,
                    "no user has this identity_ref; it has never logged in",
                )
            web = pb.GetAccessTokenResponse(
                access_token="99_" + made_up(f"web {ref.openid}"),
                kind=types.ACCESS_TOKEN_KIND_WEB,
            )
            web.expire_time.FromDatetime(world.now() + TOKEN_LIFE)
            return web
        world.current(app)
        if request.rejected_access_token == app.token:
            world.rotate(app, TOKEN_LIFE)
        answer = pb.GetAccessTokenResponse(
            access_token=app.token,
            generation=app.generation,
            kind=types.ACCESS_TOKEN_KIND_APP,
        )
        answer.expire_time.FromDatetime(app.expire_time)
        return answer

    def WatchAccessToken(
        self, request: pb.WatchAccessTokenRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchAccessTokenResponse]:
        world = self.world
        try:
            self.traffic.begin("WatchAccessToken", request, context)
            context.add_callback(self.traffic.wake)
            with world.lock:
                app = world.current(world.app(request.app_id))
                ends = self.traffic.streams_end
            sent = ""
            while True:
                with world.lock:
                    while (
                        app.token == sent
                        and self.traffic.streams_end == ends
                        and context.is_active()
                    ):
                        world.lock.wait()
                    if (
                        self.traffic.streams_end != ends
                        and self.traffic.stream_fault is not None
                    ):
                        raise self.traffic.stream_fault
                    if self.traffic.streams_end != ends or not context.is_active():
                        return
                    sent = app.token
                    message = pb.WatchAccessTokenResponse(
                        access_token=sent,
                        generation=app.generation,
                        kind=types.ACCESS_TOKEN_KIND_APP,
                    )
                    message.expire_time.FromDatetime(app.expire_time)
                yield message
        except Fault as fault:
            abort(context, fault, False)

    @answering
    def GetJsapiSignature(
        self, request: pb.GetJsapiSignatureRequest
    ) -> pb.GetJsapiSignatureResponse:
        app = self.world.app(request.app_id)
        if app.kind != "official_account":
            raise invalid("app_id", "must be an official account")
        url = request.url.partition("#")[0]
        if urlsplit(url).scheme not in ("http", "https"):
            raise invalid("url", "must be an http or https URL")
        nonce = secrets.token_hex(8)
        timestamp = int(self.world.now().timestamp())
        text = (
            f"jsapi_ticket={made_up(app.app_id)}&noncestr={nonce}"
            f"&timestamp={timestamp}&url={url}"
        )
        return pb.GetJsapiSignatureResponse(
            app_id=app.app_id,
            nonce=nonce,
            timestamp=timestamp,
            signature=hashlib.sha1(text.encode()).hexdigest(),
        )

    @answering
    def GetAuthorizeUrl(
        self, request: pb.GetAuthorizeUrlRequest
    ) -> pb.GetAuthorizeUrlResponse:
        app = self.world.app(request.app_id)
        parts = urlsplit(request.redirect_uri)
        if parts.scheme != "https" or parts.hostname not in app.redirect_hosts:
            raise invalid("redirect_uri", "has a host that is not on the app's list")
        scopes = {
            "official_account": ("snsapi_base", "snsapi_userinfo"),
            "website": ("snsapi_login",),
        }.get(app.kind, ())
        if request.scope not in scopes:
            raise invalid("scope", f"must be one of {', '.join(scopes)}")
        if not request.state:
            raise invalid("state", "is required")
        page = "qrconnect" if app.kind == "website" else "oauth2/authorize"
        return pb.GetAuthorizeUrlResponse(
            url=f"https://open.weixin.qq.com/connect/{page}?appid={app.app_id}"
            f"&redirect_uri={quote(request.redirect_uri, safe='')}"
            f"&response_type=code&scope={request.scope}&state={request.state}"
            "#wechat_redirect"
        )

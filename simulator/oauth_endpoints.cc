#include "simulator/oauth_endpoints.h"

#include "simulator/checks.h"
#include "simulator/errcode.h"
#include "simulator/oauth_codes.h"

namespace wxident::simulator {
namespace {

// Empty without an Open Platform account. A snapshot's is as virtual as its
// openid, but does not change with every visit.
std::string UnionIdOf(World& world, const App& app, const Grant& grant) {
  if (app.open_platform_account.empty()) return "";
  if (grant.snapshot)
    return world.maker.VirtualUnionId(app.open_platform_account, grant.user);
  return world.users.UnionId(app, grant.user);
}

Json TokensBody(const Grant& grant, absl::Time now) {
  return {{"access_token", grant.access_token},
          {"expires_in", absl::ToInt64Seconds(grant.access_expires_at - now)},
          {"refresh_token", grant.refresh_token},
          {"openid", grant.openid},
          {"scope", grant.scope}};
}

// The user's access_token and openid in the query; `grant` gets what they
// stand for. `unknown` answers a token that no user has.
Answer CheckUserToken(World& world, ApiCall& call, int unknown,
                      const Grant*& grant) {
  const std::string& token = call.request.Query("access_token");
  const std::string& openid = call.request.Query("openid");
  if (token.empty()) return Refuse(kTokenMissing);
  if (openid.empty()) return Refuse(kOpenidMissing);
  grant = world.grants.FindByAccessToken(token);
  if (grant == nullptr) return Refuse(unknown);
  call.app_id = grant->app_id;
  call.user = grant->user;
  if (token != grant->access_token) return Refuse(kTokenExpired);
  switch (grant->access_state) {
    case Grant::State::kRevoked:
      return Refuse(kInvalidCredential);
    case Grant::State::kPasswordChanged:
      return Refuse(kPasswordChanged);
    case Grant::State::kLive:
      break;
  }
  if (world.clock.Now() >= grant->access_expires_at)
    return Refuse(kTokenExpired);
  if (grant->openid != openid) return Refuse(kInvalidOpenid);
  return CheckQuota(world, call);
}

}  // namespace

Answer OauthAccessToken(World& world, ApiCall& call) {
  const HttpRequest& request = call.request;
  const std::string& app_id = request.Query("appid");
  if (app_id.empty()) return Refuse(kAppidMissing);
  if (request.Query("secret").empty()) return Refuse(kSecretMissing);
  if (request.Query("code").empty()) return Refuse(kCodeMissing);
  if (request.Query("grant_type") != "authorization_code")
    return Refuse(kInvalidGrantType);
  Answer secret = CheckSecret(world, call, app_id, request.Query("secret"),
                              /*whitelist_covers=*/false);
  if (!secret.ok()) return secret;
  const App& app = world.apps.at(app_id);
  if (app.kind == AppKind::kMiniProgram)
    return Refuse(static_cast<int>(world.settings.wrong_kind_errcode));

  const absl::Time now = world.clock.Now();
  Codes::Code* code = world.codes.Find(request.Query("code"));
  if (code == nullptr || code->kind != CodeKind::kOauth ||
      code->app_id != app_id)
    return Refuse(kInvalidCode);
  call.user = code->user;
  if (code->used) return Refuse(kCodeUsed);
  if (now >= code->expires_at) return Refuse(kInvalidCode);
  code->used = true;
  Member& member = world.users.Ensure(app, code->user, now);
  if (world.users.PersonOf(code->user).blocked) return Refuse(kCodeBlocked);

  const Grant& grant = world.grants.Add(
      {app_id, code->user,
       code->snapshot ? world.maker.VirtualOpenId(app_id, code->user,
                                                  ++member.virtual_openids)
                      : member.openid,
       code->scope, code->snapshot},
      app.kind, now);
  Json body = TokensBody(grant, now);
  if (grant.scope != kScopeBase) {
    const std::string unionid = UnionIdOf(world, app, grant);
    if (!unionid.empty()) body["unionid"] = unionid;
  }
  if (grant.snapshot) body["is_snapshotuser"] = 1;
  return Succeed(std::move(body));
}

Answer OauthRefreshToken(World& world, ApiCall& call) {
  const HttpRequest& request = call.request;
  const std::string& app_id = request.Query("appid");
  const std::string& token = request.Query("refresh_token");
  if (app_id.empty()) return Refuse(kAppidMissing);
  if (token.empty()) return Refuse(kRefreshTokenMissing);
  if (request.Query("grant_type") != "refresh_token")
    return Refuse(kInvalidGrantType);
  if (world.apps.find(app_id) == world.apps.end()) return Refuse(kInvalidAppid);
  call.app_id = app_id;
  if (Answer quota = CheckQuota(world, call); !quota.ok()) return quota;
  Grant* grant = world.grants.FindByRefreshToken(token);
  if (grant == nullptr || grant->app_id != app_id)
    return Refuse(kInvalidRefreshToken);
  call.user = grant->user;
  switch (grant->refresh_state) {
    case Grant::State::kRevoked:
      return Refuse(kInvalidRefreshToken);
    case Grant::State::kPasswordChanged:
      return Refuse(kPasswordChanged);
    case Grant::State::kLive:
      break;
  }
  const absl::Time now = world.clock.Now();
  if (now >= grant->refresh_expires_at) return Refuse(kRefreshTokenExpired);
  world.grants.Refresh(*grant, now);
  return Succeed(TokensBody(*grant, now));
}

Answer OauthCheck(World& world, ApiCall& call) {
  const Grant* grant = nullptr;
  Answer checked = CheckUserToken(world, call, kInvalidAccessToken, grant);
  return checked.ok() ? Succeed(OkBody()) : checked;
}

Answer OauthUserinfo(World& world, ApiCall& call) {
  const Grant* grant = nullptr;
  Answer checked = CheckUserToken(
      world, call, static_cast<int>(world.settings.unknown_token_errcode),
      grant);
  if (!checked.ok()) return checked;
  if (grant->scope == kScopeBase || grant->snapshot)
    return Refuse(kApiUnauthorized);

  const Json& profile = world.users.PersonOf(grant->user).profile;
  const bool full = world.settings.profile_details;
  const auto detail = [&profile, full](const char* name) {
    return full ? profile.value(name, Json("")) : Json("");
  };
  Json body = {{"openid", grant->openid},
               {"nickname", profile.value("nickName", Json(""))},
               {"sex", full ? profile.value("gender", Json(0)) : Json(0)},
               {"province", detail("province")},
               {"city", detail("city")},
               {"country", detail("country")},
               {"headimgurl", profile.value("avatarUrl", Json(""))},
               {"privilege", Json::array()}};
  const std::string unionid =
      UnionIdOf(world, world.apps.at(grant->app_id), *grant);
  if (!unionid.empty()) body["unionid"] = unionid;
  return Succeed(std::move(body));
}

}  // namespace wxident::simulator

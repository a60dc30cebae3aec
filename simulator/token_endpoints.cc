#include "simulator/token_endpoints.h"

#include "simulator/checks.h"
#include "simulator/errcode.h"

namespace wxident::simulator {
namespace {

// Both token endpoints take these, one in the query and one in the body.
struct Credentials {
  std::string grant_type;
  std::string app_id;
  std::string secret;
};

Answer CheckCredentials(World& world, ApiCall& call,
                        const Credentials& credentials) {
  if (credentials.app_id.empty()) return Refuse(kAppidMissing);
  if (credentials.secret.empty()) return Refuse(kSecretMissing);
  if (credentials.grant_type != "client_credential")
    return Refuse(kInvalidGrantType);
  Answer checked = CheckSecret(world, call, credentials.app_id,
                               credentials.secret, /*whitelist_covers=*/true);
  if (!checked.ok()) return checked;
  const AppKind kind = world.apps.at(credentials.app_id).kind;
  // Websites and mobile apps have tokens of users only.
  if (kind == AppKind::kWebsite || kind == AppKind::kMobile)
    return Refuse(kInvalidAppid);
  return {};
}

void Note(ApiCall& call, const Tokens::Issued& issued, bool forced) {
  call.given = Journal::Given{DigestOf(issued.value), issued.is_new, forced};
}

Answer TokenAnswer(ApiCall& call, const Tokens::Issued& issued, bool forced) {
  if (issued.errcode != 0) return Refuse(issued.errcode);
  Note(call, issued, forced);
  return Succeed({{"access_token", issued.value},
                  {"expires_in", absl::ToInt64Seconds(issued.expires_in)}});
}

}  // namespace

Answer OrdinaryToken(World& world, ApiCall& call) {
  const HttpRequest& request = call.request;
  Answer checked =
      CheckCredentials(world, call,
                       {request.Query("grant_type"), request.Query("appid"),
                        request.Query("secret")});
  if (!checked.ok()) return checked;
  return TokenAnswer(call,
                     world.tokens.IssueOrdinary(call.app_id, world.clock.Now()),
                     /*forced=*/false);
}

Answer StableToken(World& world, ApiCall& call) {
  Json body;
  Credentials credentials;
  Answer checked = CheckBody(call, body);
  if (!checked.ok()) return checked;
  for (auto [name, value] : {std::pair("grant_type", &credentials.grant_type),
                             std::pair("appid", &credentials.app_id),
                             std::pair("secret", &credentials.secret)}) {
    checked = CheckText(body, name, *value);
    if (!checked.ok()) return checked;
  }
  const Json force = body.value("force_refresh", Json(false));
  if (!force.is_boolean()) return Refuse(kBodyNotJson);
  checked = CheckCredentials(world, call, credentials);
  if (!checked.ok()) return checked;
  const bool forced = force.get<bool>();
  return TokenAnswer(
      call, world.tokens.IssueStable(call.app_id, forced, world.clock.Now()),
      forced);
}

Answer GetTicket(World& world, ApiCall& call) {
  Answer checked = CheckToken(world, call, {AppKind::kOfficialAccount});
  if (!checked.ok()) return checked;
  const std::string& type = call.request.Query("type");
  if (type != "jsapi" && type != "wx_card") return Refuse(kInvalidArgs);
  const Tokens::Issued issued =
      world.tokens.IssueTicket(call.app_id, type, world.clock.Now());
  Note(call, issued, /*forced=*/false);
  Json body = OkBody();
  body["ticket"] = issued.value;
  body["expires_in"] = absl::ToInt64Seconds(issued.expires_in);
  return Succeed(std::move(body));
}

}  // namespace wxident::simulator

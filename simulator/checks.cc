#include "simulator/checks.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/crypto/hash.h"
#include "simulator/errcode.h"

namespace wxident::simulator {
namespace {

Answer CheckIp(const App& app, const std::string& ip) {
  const std::vector<std::string>& allowed = app.ip_whitelist;
  if (allowed.empty() ||
      std::find(allowed.begin(), allowed.end(), ip) != allowed.end())
    return {};
  return Refuse(kIpNotInWhitelist,
                absl::StrCat("invalid ip ", ip, " ipv6 ::ffff:", ip,
                             ", not in whitelist"));
}

}  // namespace

Answer CheckQuota(World& world, const ApiCall& call) {
  return Refuse(
      world.quotas.Take(call.app_id, call.request.path, world.clock.Now()));
}

Answer CheckSecret(World& world, ApiCall& call, const std::string& app_id,
                   const std::string& secret, bool whitelist_covers) {
  auto found = world.apps.find(app_id);
  if (found == world.apps.end()) return Refuse(kInvalidAppid);
  const App& app = found->second;
  call.app_id = app_id;
  if (!ConstantTimeEquals(app.secret, secret))
    return Refuse(static_cast<int>(world.settings.wrong_secret_errcode));
  if (app.secret_frozen) return Refuse(kSecretFrozen);
  if (whitelist_covers) {
    Answer ip = CheckIp(app, call.request.client_ip);
    if (!ip.ok()) return ip;
  }
  return CheckQuota(world, call);
}

Answer CheckToken(World& world, ApiCall& call,
                  std::initializer_list<AppKind> kinds) {
  const std::string& token = call.request.Query("access_token");
  if (token.empty()) return Refuse(kTokenMissing);
  switch (world.tokens.Check(token, world.clock.Now(), &call.app_id)) {
    case Tokens::State::kUnknown:
      return Refuse(static_cast<int>(world.settings.unknown_token_errcode));
    case Tokens::State::kExpired:
      return Refuse(kTokenExpired);
    case Tokens::State::kReplaced:
      return Refuse(kInvalidCredential);
    case Tokens::State::kValid:
      break;
  }
  const App& app = world.apps.at(call.app_id);
  // An official account's whitelist covers its whole API, a mini program's only
  // what takes the secret.
  if (app.kind == AppKind::kOfficialAccount) {
    Answer ip = CheckIp(app, call.request.client_ip);
    if (!ip.ok()) return ip;
  }
  if (app.banned) return Refuse(kApiForbidden);
  if (std::find(kinds.begin(), kinds.end(), app.kind) == kinds.end())
    return Refuse(static_cast<int>(world.settings.wrong_kind_errcode));
  return CheckQuota(world, call);
}

Answer CheckBody(const ApiCall& call, Json& body) {
  if (call.request.body.empty()) return Refuse(kEmptyBody);
  std::optional<Json> parsed = ParseJson(call.request.body);
  if (!parsed.has_value() || !parsed->is_object()) return Refuse(kBodyNotJson);
  body = *std::move(parsed);
  return {};
}

Answer CheckText(const Json& body, const char* name, std::string& value) {
  value.clear();
  auto found = body.find(name);
  if (found == body.end() || found->is_null()) return {};
  if (!found->is_string()) return Refuse(kBodyNotJson);
  value = found->get<std::string>();
  return {};
}

}  // namespace wxident::simulator

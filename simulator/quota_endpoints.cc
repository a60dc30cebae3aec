#include "simulator/quota_endpoints.h"

#include "absl/strings/match.h"
#include "simulator/checks.h"
#include "simulator/errcode.h"

namespace wxident::simulator {
namespace {

Answer CheckAppToken(World& world, ApiCall& call) {
  return CheckToken(world, call,
                    {AppKind::kMiniProgram, AppKind::kOfficialAccount});
}

Answer Clear(World& world, const ApiCall& call) {
  if (!world.quotas.Clear(call.app_id, world.clock.Now()))
    return Refuse(kNoMoreClears);
  return Succeed(OkBody());
}

// An app's token and one text of the body.
Answer CheckTokenAndText(World& world, ApiCall& call, const char* name,
                         std::string& value) {
  Json body;
  Answer checked = CheckAppToken(world, call);
  if (checked.ok()) checked = CheckBody(call, body);
  if (checked.ok()) checked = CheckText(body, name, value);
  return checked;
}

}  // namespace

Answer ClearQuota(World& world, ApiCall& call) {
  std::string app_id;
  Answer checked = CheckTokenAndText(world, call, "appid", app_id);
  if (!checked.ok()) return checked;
  if (app_id.empty()) return Refuse(kAppidMissing);
  if (app_id != call.app_id) return Refuse(kInvalidAppid);
  return Clear(world, call);
}

Answer ClearQuotaBySecret(World& world, ApiCall& call) {
  std::string app_id = call.request.Query("appid");
  std::string secret = call.request.Query("appsecret");
  if (app_id.empty() && secret.empty() && !call.request.body.empty()) {
    Json body;
    Answer read = CheckBody(call, body);
    if (read.ok()) read = CheckText(body, "appid", app_id);
    if (read.ok()) read = CheckText(body, "appsecret", secret);
    if (!read.ok()) return read;
  }
  if (app_id.empty()) return Refuse(kAppidMissing);
  if (secret.empty()) return Refuse(kSecretMissing);
  Answer checked =
      CheckSecret(world, call, app_id, secret, /*whitelist_covers=*/true);
  if (!checked.ok()) return checked;
  return Clear(world, call);
}

Answer GetQuota(World& world, ApiCall& call) {
  std::string path;
  Answer checked = CheckTokenAndText(world, call, "cgi_path", path);
  if (!checked.ok()) return checked;
  if (!absl::StartsWith(path, "/")) return Refuse(kRidOrPathNotPermitted);
  if (absl::StartsWith(path, "/sns/")) return Refuse(kPathNotPermitted);
  if (!absl::StartsWith(path, "/cgi-bin/") && !absl::StartsWith(path, "/wxa/"))
    return Refuse(kPathNotFound);

  const Quotas::Day day =
      world.quotas.DayOf(call.app_id, path, world.clock.Now());
  Json body = OkBody();
  body["quota"] = {{"daily_limit", day.limit},
                   {"used", day.used},
                   {"remain", day.limit - day.used}};
  auto limits = world.settings.quotas.find(path);
  if (limits != world.settings.quotas.end() && limits->second.per_minute > 0)
    body["rate_limit"] = {{"call_count", limits->second.per_minute},
                          {"refresh_second", 60}};
  return Succeed(std::move(body));
}

Answer GetRid(World& world, ApiCall& call) {
  std::string rid;
  Answer checked = CheckTokenAndText(world, call, "rid", rid);
  if (!checked.ok()) return checked;
  if (!IsRid(rid)) return Refuse(kBadRid);
  const Rids::Call* found = world.rids.Find(rid, world.clock.Now());
  if (found == nullptr) return Refuse(kRidNotFound);
  if (found->app_id != call.app_id || absl::StartsWith(found->path, "/sns/"))
    return Refuse(kRidOrPathNotPermitted);
  Json body = OkBody();
  body["request"] = {{"invoke_time", absl::ToUnixSeconds(found->time)},
                     {"cost_in_ms", 1},
                     {"request_url", found->path},
                     {"request_body", ""},
                     {"response_body", found->answer},
                     {"client_ip", found->client_ip}};
  return Succeed(std::move(body));
}

Answer GetApiDomainIp(World& world, ApiCall& call) {
  Answer checked = CheckAppToken(world, call);
  if (!checked.ok()) return checked;
  return Succeed({{"ip_list", Json::array({"127.0.0.1"})}});
}

Answer GetCallbackIp(World& world, ApiCall& call) {
  Answer checked = CheckAppToken(world, call);
  if (!checked.ok()) return checked;
  return Succeed({{"ip_list", Json::array({"127.0.0.0/8"})}});
}

}  // namespace wxident::simulator

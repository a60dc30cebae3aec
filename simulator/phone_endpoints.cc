#include "simulator/phone_endpoints.h"

#include "absl/strings/str_cat.h"
#include "simulator/checks.h"
#include "simulator/errcode.h"

namespace wxident::simulator {

Json PhonePayload(const Settings& settings, const Phone& phone) {
  const std::string full =
      phone.country_code == "86"
          ? phone.number
          : absl::StrCat(settings.foreign_phone_plus ? "+" : "",
                         phone.country_code, phone.number);
  return {{"phoneNumber", full},
          {"purePhoneNumber", phone.number},
          {"countryCode", phone.country_code}};
}

Answer GetUserPhoneNumber(World& world, ApiCall& call) {
  Answer checked = CheckToken(world, call, {AppKind::kMiniProgram});
  if (!checked.ok()) return checked;
  const App& app = world.apps.at(call.app_id);
  if (!app.verified) return Refuse(kApiUnauthorized);

  Json body;
  std::string text, openid;
  if (checked = CheckBody(call, body); !checked.ok()) return checked;
  if (checked = CheckText(body, "code", text); !checked.ok()) return checked;
  if (checked = CheckText(body, "openid", openid); !checked.ok())
    return checked;
  if (text.empty()) return Refuse(kBodyNotJson);

  const absl::Time now = world.clock.Now();
  Codes::Code* code = world.codes.Find(text);
  if (code == nullptr || code->kind != CodeKind::kPhone)
    return Refuse(kInvalidCode);
  if (code->app_id != call.app_id) return Refuse(kInvalidAppid);
  call.user = code->user;
  if (code->used)
    return Refuse(static_cast<int>(world.settings.phone_code_reused_errcode));
  if (now >= code->expires_at) return Refuse(kInvalidCode);
  const Member& member = world.users.Ensure(app, code->user, now);
  if (!openid.empty() && openid != member.openid)
    return Refuse(
        static_cast<int>(world.settings.phone_openid_mismatch_errcode));
  code->used = true;

  Json answer = OkBody();
  Json& info = answer["phone_info"] =
      PhonePayload(world.settings, world.users.PersonOf(code->user).phone);
  info["watermark"] = {{"timestamp", absl::ToUnixSeconds(code->issued_at)},
                       {"appid", call.app_id}};
  return Succeed(std::move(answer));
}

}  // namespace wxident::simulator

#include "simulator/control_users.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/crypto/aes_cbc.h"
#include "server/crypto/base64.h"
#include "server/crypto/hash.h"
#include "simulator/control_who.h"
#include "simulator/phone_endpoints.h"

namespace wxident::simulator {
namespace {

// Of one call.
constexpr int64_t kMaxCodes = 10'000;

bool AllDigits(absl::string_view text) {
  for (char c : text)
    if (!absl::ascii_isdigit(c)) return false;
  return !text.empty();
}

std::optional<Phone> ReadPhone(Input& in) {
  const Json* given = in.Any("phone");
  if (given == nullptr) return std::nullopt;
  Phone phone{"", "86"};
  if (given->is_string()) {
    phone.number = given->get<std::string>();
  } else if (given->is_object()) {
    Input parts(*given);
    phone.number = parts.Text("number", "91234567");
    phone.country_code = parts.Text("country_code", "852");
    if (!parts.Finish().ok()) phone.number.clear();
  }
  if (AllDigits(phone.number) && AllDigits(phone.country_code)) return phone;
  in.Fail("phone",
          "give the digits of a mainland number (\"13580006666\"), or "
          "{\"number\": \"91234567\", \"country_code\": \"852\"}");
  return std::nullopt;
}

std::optional<std::string> ReadSixteenBytes(Input& in, absl::string_view name) {
  std::optional<std::string> text = in.OptionalText(name);
  if (!text.has_value()) return std::nullopt;
  const std::optional<std::string> bytes = Base64Decode(*text);
  if (bytes.has_value() && bytes->size() == 16) return text;
  in.Fail(name, "give the base64 of 16 bytes (24 characters, ending in ==)");
  return std::nullopt;
}

Json UserToJson(World& world, const App& app, const Member& member) {
  const Person& person = world.users.PersonOf(member.user);
  Json out = {
      {"app_id", app.app_id}, {"user", member.user}, {"openid", member.openid}};
  const std::string unionid = world.users.UnionId(app, member.user);
  if (!unionid.empty()) out["unionid"] = unionid;
  out["session_key"] = member.session_key;
  out["phone"] = {{"number", person.phone.number},
                  {"country_code", person.phone.country_code}};
  out["profile"] = person.profile;
  out["blocked"] = person.blocked;
  out["snapshot"] = member.snapshot;
  return out;
}

// What wx.getUserInfo encrypts: the profile between openId and unionId.
Json ProfilePayload(World& world, const App& app, const Member& member) {
  Json out = {{"openId", member.openid}};
  for (const auto& [name, value] :
       world.users.PersonOf(member.user).profile.items())
    out[name] = value;
  const std::string unionid = world.users.UnionId(app, member.user);
  if (!unionid.empty()) out["unionId"] = unionid;
  return out;
}

absl::StatusOr<Json> MakeCode(World& world, const Json& input, CodeKind kind) {
  Input in(input);
  std::string user;
  const App* app = ReadWho(world, in, user);
  const bool login = kind == CodeKind::kLogin;
  std::optional<int64_t> count;
  if (login) count = in.OptionalInteger("count", 1, kMaxCodes);
  WX_RETURN_IF_ERROR(in.Finish());
  const absl::Time now = world.clock.Now();
  Member& member = world.users.Ensure(*app, user, now);
  Json codes = Json::array();
  for (int64_t i = 0; i < count.value_or(1); ++i) {
    std::string code =
        login ? world.maker.LoginCode(app->app_id, user, ++member.login_codes)
              : world.maker.PhoneCode(app->app_id, user, ++member.phone_codes);
    world.codes.Add(code, {kind, app->app_id, user, now,
                           now + (login ? world.settings.login_code_ttl
                                        : world.settings.phone_code_ttl)});
    codes.push_back(std::move(code));
  }
  if (!count.has_value()) return Json{{"code", codes[0]}};
  return Json{{"codes", std::move(codes)}};
}

}  // namespace

absl::StatusOr<Json> PutUser(World& world, const Json& input) {
  Input in(input);
  std::string user;
  const App* app = ReadWho(world, in, user);
  const std::optional<std::string> openid = in.OptionalText("openid");
  const std::optional<std::string> unionid = in.OptionalText("unionid");
  std::optional<std::string> key = ReadSixteenBytes(in, "session_key");
  const std::optional<Phone> phone = ReadPhone(in);
  const Json* profile = in.OptionalObject("profile");
  const std::optional<bool> blocked = in.OptionalBool("blocked");
  const std::optional<bool> snapshot = in.OptionalBool("snapshot");
  if (openid == "") in.Fail("openid", "give a text that is not empty");
  if (unionid == "") in.Fail("unionid", "give a text that is not empty");
  WX_RETURN_IF_ERROR(in.Finish());

  const absl::Time now = world.clock.Now();
  Member& member = world.users.Ensure(*app, user, now);
  if (openid.has_value())
    WX_RETURN_IF_ERROR(world.users.SetOpenid(app->app_id, member, *openid));
  if (unionid.has_value())
    WX_RETURN_IF_ERROR(world.users.SetUnionId(*app, user, *unionid));
  if (key.has_value()) world.users.SetSessionKey(member, *std::move(key), now);
  Person& person = world.users.PersonOf(user);
  if (phone.has_value()) person.phone = *phone;
  if (profile != nullptr) person.profile.update(*profile);
  if (blocked.has_value()) person.blocked = *blocked;
  if (snapshot.has_value()) member.snapshot = *snapshot;
  return UserToJson(world, *app, member);
}

absl::StatusOr<Json> MakeLoginCode(World& world, const Json& input) {
  return MakeCode(world, input, CodeKind::kLogin);
}

absl::StatusOr<Json> MakePhoneCode(World& world, const Json& input) {
  return MakeCode(world, input, CodeKind::kPhone);
}

absl::StatusOr<Json> Encrypt(World& world, const Json& input) {
  Input in(input);
  std::string user;
  const App* app = ReadWho(world, in, user);
  const std::optional<std::string> given_key =
      ReadSixteenBytes(in, "session_key");
  const std::optional<std::string> given_iv = ReadSixteenBytes(in, "iv");
  const Json* given = in.Any("payload");
  const bool own_phone = given != nullptr && *given == "phone";
  const bool own_profile = given != nullptr && *given == "profile";
  if (given == nullptr || !(given->is_object() || own_phone || own_profile))
    in.Fail("payload",
            "give a JSON object, or \"phone\" or \"profile\" for the user's "
            "own");
  WX_RETURN_IF_ERROR(in.Finish());

  const absl::Time now = world.clock.Now();
  Member& member = world.users.Ensure(*app, user, now);
  Json payload =
      own_phone ? PhonePayload(world.settings, world.users.PersonOf(user).phone)
      : own_profile ? ProfilePayload(world, *app, member)
                    : *given;
  Json raw = payload;
  for (const char* name : {"watermark", "openId", "unionId"}) raw.erase(name);
  if (!payload.contains("watermark"))
    payload["watermark"] = {{"timestamp", absl::ToUnixSeconds(now)},
                            {"appid", app->app_id}};

  const std::string& key =
      given_key.has_value() ? *given_key : member.session_key;
  const std::string iv = given_iv.has_value()
                             ? *given_iv
                             : world.maker.Iv(app->app_id, user, ++member.ivs);
  const std::string raw_data = WriteJson(raw);
  return Json{
      {"encrypted_data",
       Base64Encode(AesCbcEncrypt(*Base64Decode(key), *Base64Decode(iv),
                                  WriteJson(payload)))},
      {"iv", iv},
      {"raw_data", raw_data},
      {"signature", absl::BytesToHexString(Sha1(absl::StrCat(raw_data, key)))}};
}

}  // namespace wxident::simulator

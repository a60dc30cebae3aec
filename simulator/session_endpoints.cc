#include "simulator/session_endpoints.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "server/crypto/hash.h"
#include "simulator/checks.h"
#include "simulator/errcode.h"

namespace wxident::simulator {
namespace {

// The HMAC key is the session_key's text, not the 16 bytes that it encodes, and
// for a GET the message is empty.
bool SignatureFits(const Settings& settings, const Member& member,
                   const std::string& signature) {
  const std::string expected =
      absl::BytesToHexString(HmacSha256(member.session_key, ""));
  return ConstantTimeEquals(expected, settings.signature_case_sensitive
                                          ? signature
                                          : absl::AsciiStrToLower(signature));
}

// What both user-signed endpoints ask of the query; `member` gets whom it
// names.
Answer CheckSignedUser(World& world, ApiCall& call, Member*& member) {
  Answer token = CheckToken(world, call, {AppKind::kMiniProgram});
  if (!token.ok()) return token;
  const std::string& openid = call.request.Query("openid");
  if (openid.empty()) return Refuse(kOpenidMissing);
  if (call.request.Query("sig_method") != "hmac_sha256")
    return Refuse(kInvalidSigMethod);
  member = world.users.FindByOpenid(call.app_id, openid);
  if (member == nullptr) return Refuse(kInvalidOpenid);
  call.user = member->user;
  return {};
}

}  // namespace

Answer JsCode2Session(World& world, ApiCall& call) {
  const HttpRequest& request = call.request;
  const std::string& app_id = request.Query("appid");
  const std::string& js_code = request.Query("js_code");
  if (app_id.empty()) return Refuse(kAppidMissing);
  if (request.Query("secret").empty()) return Refuse(kSecretMissing);
  if (js_code.empty()) return Refuse(kCodeMissing);
  if (request.Query("grant_type") != "authorization_code")
    return Refuse(kInvalidGrantType);
  Answer secret =
      CheckSecret(world, call, app_id, request.Query("secret"),
                  world.settings.ip_whitelist_covers_jscode2session);
  if (!secret.ok()) return secret;
  const App& app = world.apps.at(app_id);
  if (app.kind != AppKind::kMiniProgram)
    return Refuse(static_cast<int>(world.settings.wrong_kind_errcode));

  const absl::Time now = world.clock.Now();
  Codes::Code* code = world.codes.Find(js_code);
  if (code == nullptr || code->kind != CodeKind::kLogin ||
      code->app_id != app_id)
    return Refuse(kInvalidCode);
  call.user = code->user;
  if (int quota =
          world.quotas.TakeForUser(app_id, request.path, code->user, now))
    return Refuse(quota);
  if (code->used) return Refuse(kCodeUsed);
  if (now >= code->expires_at) return Refuse(kInvalidCode);
  code->used = true;
  Member& member = world.users.Ensure(app, code->user, now);
  if (world.users.PersonOf(code->user).blocked) return Refuse(kCodeBlocked);

  Json body = {{"session_key", world.users.Exchange(app_id, member, now)},
               {"openid", member.openid}};
  const std::string unionid = world.users.UnionId(app, code->user);
  if (!unionid.empty()) body["unionid"] = unionid;
  if (world.settings.jscode2session_errcode_on_success) body.update(OkBody());
  return Succeed(std::move(body));
}

Answer CheckSession(World& world, ApiCall& call) {
  Member* member = nullptr;
  Answer checked = CheckSignedUser(world, call, member);
  if (!checked.ok()) return checked;
  if (world.clock.Now() >= member->key_expires_at ||
      !SignatureFits(world.settings, *member, call.request.Query("signature")))
    return Refuse(kInvalidSignature);
  return Succeed(OkBody());
}

Answer ResetUserSessionKey(World& world, ApiCall& call) {
  Member* member = nullptr;
  Answer checked = CheckSignedUser(world, call, member);
  if (!checked.ok()) return checked;
  const absl::Time now = world.clock.Now();
  if (now >= member->key_expires_at) return Refuse(kSessionKeyExpired);
  if (!SignatureFits(world.settings, *member, call.request.Query("signature")))
    return Refuse(kInvalidSignature);
  if (now - member->last_reset_at < world.settings.session_reset_min_interval)
    return Refuse(kMinuteQuota);
  Json body = OkBody();
  body["openid"] = member->openid;
  body["session_key"] = world.users.ResetSessionKey(call.app_id, *member, now);
  return Succeed(std::move(body));
}

}  // namespace wxident::simulator

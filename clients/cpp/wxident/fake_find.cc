#include "wxident/fake_find.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "wxident/fake_errors.h"

namespace wxident::client {
namespace {

constexpr absl::Duration kCodeLife = absl::Minutes(5);

bool IsUuid(const std::string& text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-'
             : !absl::ascii_isxdigit(text[i]) || absl::ascii_isupper(text[i]))
      return false;
  }
  return true;
}

}  // namespace

grpc::Status NotActive() {
  return FakeError(
      v1::ERROR_REASON_SESSION_NOT_ACTIVE,
      "the session token is unknown, expired or revoked; log in again");
}

grpc::Status UserNotFound() {
  return FakeError(v1::ERROR_REASON_USER_NOT_FOUND,
                   "no user is found by this; check it, or let the person log "
                   "in first");
}

grpc::Status GrantExpired() {
  return FakeError(v1::ERROR_REASON_OAUTH_GRANT_EXPIRED,
                   "the person has given no web authorisation; send the person "
                   "through GetAuthorizeUrl");
}

grpc::Status CheckApp(const FakeWorld& world, const std::string& field,
                      const std::string& app_id) {
  if (app_id.empty()) return FakeInvalid(field, "is required");
  if (world.tokens.count(app_id) != 0) return grpc::Status::OK;
  FakeWxident::Failure details;
  details.field = field;
  return FakeError(v1::ERROR_REASON_APP_UNKNOWN,
                   absl::StrCat(field,
                                " is no app of this server; check the id, or "
                                "add the app to the server's configuration"),
                   details);
}

grpc::Status CheckToken(const std::string& token) {
  if (token.empty()) return FakeInvalid("session_token", "is required");
  if (token.size() > 512)
    return FakeInvalid("session_token", "is longer than 512 characters");
  return grpc::Status::OK;
}

grpc::Status CheckUserId(const std::string& field, const std::string& user_id) {
  if (IsUuid(user_id)) return grpc::Status::OK;
  return FakeInvalid(field, "must be a UUID in lower-case text form");
}

grpc::Status FindSession(FakeWorld& world, const std::string& token,
                         FakeWorld::Session** session) {
  if (grpc::Status bad = CheckToken(token); !bad.ok()) return bad;
  *session = world.ActiveSession(token);
  return *session == nullptr ? NotActive() : grpc::Status::OK;
}

grpc::Status FindCode(FakeWorld& world, const std::string& field,
                      const std::string& text, FakeWorld::CodeKind kind,
                      const std::string& app_id, FakeWorld::Code** code) {
  if (text.empty() || text.size() > 512 ||
      !std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '_' || c == '-';
      }))
    return FakeInvalid(
        field, "must be 1 to 512 characters of A-Z, a-z, 0-9, '_', '-'");
  const auto found = world.codes.find(text);
  if (found == world.codes.end() || found->second.kind != kind ||
      found->second.account->identity.app_id() != app_id ||
      world.Now() - found->second.made >= kCodeLife) {
    FakeWxident::Failure details;
    details.errcode = "40029";
    return FakeError(v1::ERROR_REASON_LOGIN_CODE_INVALID,
                     "WeChat does not know the code; get a new one", details);
  }
  *code = &found->second;
  return grpc::Status::OK;
}

grpc::Status Open(FakeWorld& world, const Account& account,
                  const std::string& prefix, const std::string& data,
                  const std::string& iv, FakeWorld::Sealed** sealed) {
  if (data.empty())
    return FakeInvalid(absl::StrCat(prefix, "encrypted_data"), "is required");
  std::string raw;
  if (!absl::Base64Unescape(iv, &raw) || raw.size() != 16)
    return FakeInvalid(absl::StrCat(prefix, "iv"),
                       "must be base64 of 16 bytes");
  const auto found = world.sealed.find(data);
  if (found == world.sealed.end() || found->second.account != &account)
    return FakeError(v1::ERROR_REASON_DECRYPT_REJECTED,
                     "the encrypted data does not open; log in again, then ask "
                     "WeChat for it again");
  *sealed = &found->second;
  return grpc::Status::OK;
}

grpc::Status FindIdentity(FakeWorld& world, const std::string& field,
                          const v1::IdentityRef& ref, Account** account) {
  *account = nullptr;
  if (grpc::Status bad =
          CheckApp(world, absl::StrCat(field, ".app_id"), ref.app_id());
      !bad.ok())
    return bad;
  if (ref.openid().empty())
    return FakeInvalid(absl::StrCat(field, ".openid"), "is required");
  for (auto& [name, person] : world.people) {
    const auto found = person.accounts.find(ref.app_id());
    if (found != person.accounts.end() && found->second.seen &&
        found->second.identity.openid() == ref.openid())
      *account = &found->second;
  }
  return grpc::Status::OK;
}

}  // namespace wxident::client

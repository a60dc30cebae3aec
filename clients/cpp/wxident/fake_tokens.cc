#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "wxident/fake_answers.h"
#include "wxident/fake_errors.h"
#include "wxident/fake_find.h"

namespace wxident::client {
namespace {

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                   absl::StrContains("-._~", std::string(1, c))
               ? std::string(1, c)
               : absl::StrCat("%", absl::AsciiStrToUpper(absl::BytesToHexString(
                                       std::string(1, c))));
  return out;
}

}  // namespace

grpc::Status Answer(FakeWorld& world, const v1::GetAccessTokenRequest& request,
                    v1::GetAccessTokenResponse& response) {
  if (grpc::Status bad = CheckApp(world, "app_id", request.app_id()); !bad.ok())
    return bad;
  if (request.has_web()) {
    Account* account = nullptr;
    if (grpc::Status bad = FindIdentity(world, "web.identity_ref",
                                        request.web().identity_ref(), &account);
        !bad.ok())
      return bad;
    if (account == nullptr) return UserNotFound();
    if (!account->web_token.has_value()) return GrantExpired();
    response = *account->web_token;
    return grpc::Status::OK;
  }
  const v1::GetAccessTokenResponse& token = world.tokens[request.app_id()];
  if (token.access_token() == request.rejected_access_token() ||
      absl::FromUnixSeconds(token.expire_time().seconds()) <= world.Now())
    world.Rotate(request.app_id(), absl::Hours(2));
  response = token;
  return grpc::Status::OK;
}

grpc::Status Answer(FakeWorld& world,
                    const v1::GetJsapiSignatureRequest& request,
                    v1::GetJsapiSignatureResponse& response) {
  if (grpc::Status bad = CheckApp(world, "app_id", request.app_id()); !bad.ok())
    return bad;
  if (request.url().size() > 2048 ||
      (!absl::StartsWith(request.url(), "https://") &&
       !absl::StartsWith(request.url(), "http://")))
    return FakeInvalid("url",
                       "must be an http or https URL of at most 2048 "
                       "characters");
  response.set_app_id(request.app_id());
  response.set_nonce(world.RandomText(16));
  response.set_timestamp(absl::ToUnixSeconds(world.Now()));
  // Of a ticket that nobody has: 20 random bytes are as good.
  response.set_signature(absl::BytesToHexString(world.RandomText(20)));
  return grpc::Status::OK;
}

grpc::Status Answer(FakeWorld& world, const v1::GetAuthorizeUrlRequest& request,
                    v1::GetAuthorizeUrlResponse& response) {
  if (grpc::Status bad = CheckApp(world, "app_id", request.app_id()); !bad.ok())
    return bad;
  if (!absl::StartsWith(request.redirect_uri(), "https://") ||
      request.redirect_uri().size() > 1024)
    return FakeInvalid("redirect_uri", "must be an https URL");
  const std::string& scope = request.scope();
  if (scope != "snsapi_base" && scope != "snsapi_userinfo" &&
      scope != "snsapi_login")
    return FakeInvalid("scope",
                       "must be snsapi_base, snsapi_userinfo or snsapi_login");
  if (request.state().empty() || request.state().size() > 128 ||
      !std::all_of(request.state().begin(), request.state().end(),
                   absl::ascii_isalnum))
    return FakeInvalid("state", "must be 1 to 128 characters of A-Z, a-z, 0-9");
  response.set_url(absl::StrCat(
      "https://open.weixin.qq.com/connect/",
      scope == "snsapi_login" ? "qrconnect" : "oauth2/authorize", "?appid=",
      request.app_id(), "&redirect_uri=", Escape(request.redirect_uri()),
      "&response_type=code&scope=", scope, "&state=", request.state(),
      "#wechat_redirect"));
  return grpc::Status::OK;
}

}  // namespace wxident::client

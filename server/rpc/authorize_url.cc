#include "server/rpc/authorize_url.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/status_macros.h"
#include "server/rpc/fields.h"

namespace wxident {
namespace {

constexpr absl::string_view kPages = "https://open.weixin.qq.com/connect/";
constexpr size_t kMaxRedirectUri = 1024;
constexpr size_t kMaxState = 128;

bool IsUnreserved(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// RFC 3986's characters; what else browsers make of a URL, such as '\', is not
// let in.
bool IsUrlCharacter(char c) {
  return IsUnreserved(c) || absl::StrContains("%:/?#[]@!$&'()*+,;=", c);
}

std::string PercentEncode(absl::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsUnreserved(c))
      out += c;
    else
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

bool IsPort(absl::string_view text) {
  int port = 0;
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(text, &port) && port >= 1 && port <= 65535;
}

absl::Status CheckRedirectUri(const App& app, absl::string_view uri) {
  constexpr absl::string_view kField = "redirect_uri";
  if (uri.empty()) return FieldError(kField, "is required");
  if (uri.size() > kMaxRedirectUri)
    return FieldError(kField, "is longer than 1024 characters");
  if (!std::all_of(uri.begin(), uri.end(), IsUrlCharacter))
    return FieldError(kField,
                      "has a character that no URL has; percent-encode it");
  if (absl::StrContains(uri, '#'))
    return FieldError(kField, "must have no fragment");
  absl::string_view rest = uri;
  if (!absl::ConsumePrefix(&rest, "https://"))
    return FieldError(kField, "must begin with https://");
  const absl::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (absl::StrContains(authority, '@'))
    return FieldError(kField, "must have no user before its host");
  // WeChat's list has no ports, so any will do.
  const size_t colon = authority.find(':');
  if (colon != absl::string_view::npos && !IsPort(authority.substr(colon + 1)))
    return FieldError(kField, "has a port that is no number up to 65535");
  const absl::string_view host = authority.substr(0, colon);
  if (std::find(app.redirect_hosts.begin(), app.redirect_hosts.end(), host) ==
      app.redirect_hosts.end())
    return FieldError(kField,
                      "has a host that is not on the app's list; check the URL "
                      "(lower case, no sub-domain), or add the host to the "
                      "app's redirect_hosts in the server's configuration");
  return absl::OkStatus();
}

absl::Status CheckScope(const App& app, absl::string_view scope) {
  if (scope.empty()) return FieldError("scope", "is required");
  if (app.kind == AppKind::kWebsite && scope != "snsapi_login")
    return FieldError("scope", "must be snsapi_login for a website");
  if (app.kind == AppKind::kOfficialAccount && scope != "snsapi_base" &&
      scope != "snsapi_userinfo")
    return FieldError("scope",
                      "must be snsapi_base or snsapi_userinfo for an official "
                      "account");
  return absl::OkStatus();
}

absl::Status CheckState(absl::string_view state) {
  if (state.empty()) return FieldError("state", "is required");
  if (state.size() > kMaxState ||
      !std::all_of(state.begin(), state.end(), absl::ascii_isalnum))
    return FieldError("state", "must be 1 to 128 characters of A-Z, a-z, 0-9");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> MakeAuthorizeUrl(
    const App& app, const v1::GetAuthorizeUrlRequest& request) {
  if (app.kind != AppKind::kOfficialAccount && app.kind != AppKind::kWebsite)
    return FieldError("app_id",
                      "must be that of an official account or a website: other "
                      "apps get their codes without a page");
  WX_RETURN_IF_ERROR(CheckRedirectUri(app, request.redirect_uri()));
  WX_RETURN_IF_ERROR(CheckScope(app, request.scope()));
  WX_RETURN_IF_ERROR(CheckState(request.state()));
  return absl::StrCat(
      kPages, app.kind == AppKind::kWebsite ? "qrconnect" : "oauth2/authorize",
      "?appid=", app.app_id,
      "&redirect_uri=", PercentEncode(request.redirect_uri()),
      "&response_type=code&scope=", request.scope(), "&state=", request.state(),
      "#wechat_redirect");
}

}  // namespace wxident

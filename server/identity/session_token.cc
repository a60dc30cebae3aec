#include "server/identity/session_token.h"

#include "absl/strings/str_cat.h"
#include "server/crypto/base64.h"
#include "server/crypto/hash.h"
#include "server/identity/ids.h"

namespace wxident {
namespace {

constexpr absl::string_view kPrefix = "wxs1_";
constexpr size_t kSaltBytes = 32;
constexpr size_t kSize = 48;

// `use` is a line that no other use begins with.
Secret Derive(const Secret& salt, absl::string_view use,
              const Secret& presented) {
  const Secret data(absl::StrCat(use, "\n", presented.Expose()));
  return Secret(absl::StrCat(
      kPrefix, Base64UrlEncode(HmacSha256(salt.Expose(), data.Expose()))));
}

}  // namespace

Secret NewTokenSalt(Random& random) { return Secret(random.Bytes(kSaltBytes)); }

Secret LoginToken(const Secret& salt, const Secret& code) {
  return Derive(salt, "wxident session token of a login", code);
}

Secret RefreshedToken(const Secret& salt, const Secret& token) {
  return Derive(salt, "wxident session token of a refresh", token);
}

std::optional<std::string> SessionTokenHash(absl::string_view token) {
  if (token.size() != kSize || token.substr(0, kPrefix.size()) != kPrefix ||
      !IsWechatId(token, kSize))
    return std::nullopt;
  return Sha256(token);
}

}  // namespace wxident

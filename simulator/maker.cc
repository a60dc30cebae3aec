#include "simulator/maker.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/crypto/base64.h"
#include "server/crypto/hash.h"

namespace wxident::simulator {
namespace {

// WeChat's openids and unionids: 28 characters that begin with "o".
std::string IdOf(absl::string_view bytes) {
  return absl::StrCat("o", Base64UrlEncode(bytes).substr(0, 27));
}

std::string Alphanumerics(absl::string_view bytes) {
  constexpr absl::string_view kAlphabet =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string out;
  for (unsigned char byte : bytes) out += kAlphabet[byte % kAlphabet.size()];
  return out;
}

uint64_t NumberOf(absl::string_view bytes) {
  uint64_t out = 0;
  for (unsigned char byte : bytes.substr(0, 8)) out = out << 8 | byte;
  return out;
}

}  // namespace

Maker::Maker(uint64_t seed) : key_(absl::StrCat("wechat-simulator ", seed)) {}

std::string Maker::Bytes(absl::string_view purpose,
                         std::initializer_list<absl::string_view> parts,
                         uint64_t n, size_t size) const {
  // Lengths before texts: no two lists of parts give one message.
  std::string message = absl::StrCat(purpose, " ", n);
  for (absl::string_view part : parts)
    absl::StrAppend(&message, " ", part.size(), ":", part);
  std::string out = HmacSha256(key_, message);
  while (out.size() < size) {
    const std::string previous = out.substr(out.size() - 32);
    out += HmacSha256(key_, absl::StrCat(previous, message));
  }
  out.resize(size);
  return out;
}

std::string Maker::AppSecret(absl::string_view app_id) const {
  return absl::BytesToHexString(Bytes("secret", {app_id}, 0, 16));
}

std::string Maker::OpenId(absl::string_view app_id,
                          absl::string_view user) const {
  return IdOf(Bytes("openid", {app_id, user}, 0, 21));
}

std::string Maker::UnionId(absl::string_view account,
                           absl::string_view user) const {
  return IdOf(Bytes("unionid", {account, user}, 0, 21));
}

std::string Maker::VirtualOpenId(absl::string_view app_id,
                                 absl::string_view user, uint64_t n) const {
  return IdOf(Bytes("virtual_openid", {app_id, user}, n, 21));
}

std::string Maker::VirtualUnionId(absl::string_view account,
                                  absl::string_view user) const {
  return IdOf(Bytes("virtual_unionid", {account, user}, 0, 21));
}

std::string Maker::PhoneNumber(absl::string_view user) const {
  const uint64_t number = NumberOf(Bytes("phone", {user}, 0, 8));
  return absl::StrFormat("13%09d", number % 1000000000);
}

std::string Maker::SessionKey(absl::string_view app_id, absl::string_view user,
                              uint64_t n) const {
  return Base64Encode(Bytes("session_key", {app_id, user}, n, 16));
}

std::string Maker::Iv(absl::string_view app_id, absl::string_view user,
                      uint64_t n) const {
  return Base64Encode(Bytes("iv", {app_id, user}, n, 16));
}

std::string Maker::LoginCode(absl::string_view app_id, absl::string_view user,
                             uint64_t n) const {
  return Alphanumerics(Bytes("login_code", {app_id, user}, n, 32));
}

std::string Maker::PhoneCode(absl::string_view app_id, absl::string_view user,
                             uint64_t n) const {
  return absl::BytesToHexString(Bytes("phone_code", {app_id, user}, n, 32));
}

std::string Maker::OauthCode(absl::string_view app_id, absl::string_view user,
                             uint64_t n) const {
  return Alphanumerics(Bytes("oauth_code", {app_id, user}, n, 32));
}

std::string Maker::UserToken(absl::string_view kind, absl::string_view app_id,
                             absl::string_view user, uint64_t n) const {
  return absl::StrCat(
      "98_", Base64UrlEncode(Bytes("user_token", {kind, app_id, user}, n, 66)));
}

std::string Maker::AccessToken(absl::string_view kind, absl::string_view app_id,
                               uint64_t n) const {
  return absl::StrCat(
      "98_", Base64UrlEncode(Bytes("access_token", {kind, app_id}, n, 99)));
}

std::string Maker::JsapiTicket(absl::string_view type, absl::string_view app_id,
                               uint64_t n) const {
  return Base64UrlEncode(Bytes("ticket", {type, app_id}, n, 64));
}

std::string Maker::Rid(absl::Time now, uint64_t n) const {
  const std::string hex = absl::BytesToHexString(Bytes("rid", {}, n, 8));
  return absl::StrFormat("%08x-%s-%s", absl::ToUnixSeconds(now),
                         hex.substr(0, 8), hex.substr(8));
}

double Maker::Fraction(uint64_t rule, uint64_t n) const {
  const std::string bytes = Bytes("chance", {absl::StrCat(rule)}, n, 8);
  return static_cast<double>(NumberOf(bytes) >> 11) / 9007199254740992.0;
}

}  // namespace wxident::simulator

#include "server/rpc/fields.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/crypto/base64.h"
#include "server/identity/error.h"
#include "server/identity/ids.h"
#include "server/identity/session_token.h"

namespace wxident {
namespace {

constexpr size_t kMaxSessionToken = 512;
constexpr size_t kMaxOpenid = 128;
constexpr size_t kMaxUnionid = 128;
constexpr size_t kMaxCode = 512;
constexpr size_t kMaxAccessToken = 2048;
constexpr size_t kMaxPageUrl = 2048;
constexpr size_t kIvSize = 16;
constexpr size_t kMaxEncryptedData = 32 * 1024;

}  // namespace

absl::Status FieldError(absl::string_view path, absl::string_view what) {
  return Error(Reason::kRequestInvalid, absl::StrCat(path, " ", what))
      .Field(path, what)
      .ToStatus();
}

absl::Status WechatIdField(absl::string_view path, absl::string_view text,
                           size_t max_size) {
  if (text.empty()) return FieldError(path, "is required");
  if (!IsWechatId(text, max_size))
    return FieldError(path,
                      absl::StrCat("must be 1 to ", max_size,
                                   " characters of A-Z, a-z, 0-9, '_', '-'"));
  return absl::OkStatus();
}

absl::Status OpenidField(absl::string_view path, absl::string_view text) {
  return WechatIdField(path, text, kMaxOpenid);
}

absl::Status UnionidField(absl::string_view path, absl::string_view text) {
  return WechatIdField(path, text, kMaxUnionid);
}

absl::Status CodeField(absl::string_view path, absl::string_view text) {
  return WechatIdField(path, text, kMaxCode);
}

absl::StatusOr<std::optional<Secret>> RejectedTokenField(
    absl::string_view path, const std::string& token) {
  if (token.size() > kMaxAccessToken)
    return FieldError(
        path, absl::StrCat("is longer than ", kMaxAccessToken, " characters"));
  if (token.empty()) return std::nullopt;
  return Secret(token);
}

absl::Status UserIdField(absl::string_view path, absl::string_view text) {
  if (!IsUuid(text))
    return FieldError(path, "must be a UUID in lower-case text form");
  return absl::OkStatus();
}

absl::Status PageUrlField(absl::string_view path, absl::string_view url) {
  if (url.empty()) return FieldError(path, "is required");
  if (url.size() > kMaxPageUrl)
    return FieldError(
        path, absl::StrCat("is longer than ", kMaxPageUrl, " characters"));
  if (!absl::StartsWithIgnoreCase(url, "http://") &&
      !absl::StartsWithIgnoreCase(url, "https://"))
    return FieldError(path, "must begin with http:// or https://");
  for (const char c : url)
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f')
      return FieldError(path, "must not have spaces or control characters");
  return absl::OkStatus();
}

absl::StatusOr<std::string> SessionTokenField(absl::string_view path,
                                              absl::string_view token) {
  if (token.empty()) return FieldError(path, "is required");
  if (token.size() > kMaxSessionToken)
    return FieldError(
        path, absl::StrCat("is longer than ", kMaxSessionToken, " characters"));
  return SessionTokenHash(token).value_or("");
}

absl::Status MiniProgramSession(const App& app) {
  if (app.kind != AppKind::kMiniProgram)
    return FieldError("session_token", "must be that of a mini program's user");
  return absl::OkStatus();
}

absl::Status SessionNotActiveError() {
  return Error(Reason::kSessionNotActive,
               "the session token is unknown, expired or revoked; log in "
               "again")
      .ToStatus();
}

absl::Status IdentityUnknownError() {
  return Error(Reason::kUserNotFound,
               "no user has this identity_ref; it has never logged in")
      .ToStatus();
}

absl::Status UserUnknownError() {
  return Error(Reason::kUserNotFound,
               "no user has this id; check it, or let the person log in first")
      .ToStatus();
}

absl::StatusOr<std::string> Base64Field(absl::string_view path,
                                        absl::string_view text,
                                        size_t max_size) {
  if (text.empty()) return FieldError(path, "is required");
  if (text.size() > max_size)
    return FieldError(path,
                      absl::StrCat("is longer than ", max_size, " characters"));
  std::optional<std::string> data = Base64Decode(text);
  if (!data.has_value())
    return FieldError(path,
                      "is not base64 as WeChat gives it; a '+' that became a "
                      "space on the way is the usual cause");
  return *std::move(data);
}

absl::StatusOr<std::string> IvField(absl::string_view path,
                                    absl::string_view text) {
  WX_ASSIGN_OR_RETURN(std::string iv, Base64Field(path, text, 64));
  if (iv.size() != kIvSize)
    return FieldError(
        path, absl::StrCat("must be base64 of 16 bytes, not of ", iv.size()));
  return iv;
}

absl::StatusOr<EncryptedData> EncryptedDataFields(
    absl::string_view path, absl::string_view encrypted_data,
    absl::string_view iv) {
  EncryptedData fields;
  const std::string prefix = path.empty() ? "" : absl::StrCat(path, ".");
  WX_ASSIGN_OR_RETURN(fields.ciphertext,
                      Base64Field(absl::StrCat(prefix, "encrypted_data"),
                                  encrypted_data, kMaxEncryptedData));
  WX_ASSIGN_OR_RETURN(fields.iv, IvField(absl::StrCat(prefix, "iv"), iv));
  return fields;
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_RPC_FIELDS_H_
#define WXIDENT_SERVER_RPC_FIELDS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"
#include "server/person/data_opener.h"

namespace wxident {

// Checks of request fields. `path` is the field's path in the request, such as
// "encrypted.iv"; errors are REQUEST_INVALID with a violation of that field.

// A REQUEST_INVALID that says `what` is wrong with a field.
absl::Status FieldError(absl::string_view path, absl::string_view what);

// 1 to `max_size` characters of WeChat's alphabet for ids and codes.
absl::Status WechatIdField(absl::string_view path, absl::string_view text,
                           size_t max_size);

absl::Status OpenidField(absl::string_view path, absl::string_view text);
absl::Status UnionidField(absl::string_view path, absl::string_view text);

// A one-time code of WeChat's.
absl::Status CodeField(absl::string_view path, absl::string_view text);

// An access_token that WeChat has refused; nullopt for "".
absl::StatusOr<std::optional<Secret>> RejectedTokenField(
    absl::string_view path, const std::string& token);

absl::Status UserIdField(absl::string_view path, absl::string_view text);

// The address of a page that WeChat's JS-SDK is to run in.
absl::Status PageUrlField(absl::string_view path, absl::string_view url);

// The SHA-256 of a session token; empty for a text of 1 to 512 characters that
// cannot be a token of ours, which is for the caller to treat as inactive.
absl::StatusOr<std::string> SessionTokenField(absl::string_view path,
                                              absl::string_view token);

// Fails unless `app`, which is that of the field session_token, is a mini
// program.
absl::Status MiniProgramSession(const App& app);

// The error of an RPC that needs an active session and has none.
absl::Status SessionNotActiveError();

// The error of an RPC that needs a known identity_ref, or a known user.
absl::Status IdentityUnknownError();
absl::Status UserUnknownError();

// Base64 text of at least 1 and at most `max_size` characters, decoded.
absl::StatusOr<std::string> Base64Field(absl::string_view path,
                                        absl::string_view text,
                                        size_t max_size);

// The initialisation vector: base64 of 16 bytes, decoded.
absl::StatusOr<std::string> IvField(absl::string_view path,
                                    absl::string_view text);

absl::StatusOr<EncryptedData> EncryptedDataFields(
    absl::string_view path, absl::string_view encrypted_data,
    absl::string_view iv);

// The fields encrypted_data and iv of the message that `path` leads to; it is
// empty for the request itself.
template <typename Message>
absl::StatusOr<EncryptedData> EncryptedDataFields(absl::string_view path,
                                                  const Message& message) {
  return EncryptedDataFields(path, message.encrypted_data(), message.iv());
}

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_FIELDS_H_

#ifndef WXIDENT_SERVER_RPC_FIELDS_H_
#define WXIDENT_SERVER_RPC_FIELDS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/identity/apps.h"
#include "server/identity/types.h"
#include "server/rpc/rpc_context.h"
#include "wxident/v1/types.pb.h"

namespace wxident {

// Checks of request fields. `path` is the field's path in the request, such as
// "encrypted.iv"; errors are REQUEST_INVALID with a violation of that field.

// A REQUEST_INVALID that says `what` is wrong with a field.
absl::Status FieldError(absl::string_view path, absl::string_view what);

// An app of the configuration that the caller may call the method for.
// CALLER_NOT_ALLOWED comes before APP_UNKNOWN: who may not know of an app is
// not told whether there is one.
absl::StatusOr<const App*> AppField(RpcContext& call, absl::string_view path,
                                    absl::string_view app_id);

// 1 to `max_size` characters of WeChat's alphabet for ids and codes.
absl::Status WechatIdField(absl::string_view path, absl::string_view text,
                           size_t max_size);

// The call then concerns the ref's openid. Errors besides: those of AppField.
absl::Status IdentityRefField(RpcContext& call, absl::string_view path,
                              const v1::IdentityRef& ref);

absl::Status UserIdField(absl::string_view path, absl::string_view text);

// The SHA-256 of a session token; empty for a text of 1 to 512 characters that
// cannot be a token of ours, which is for the caller to treat as inactive.
absl::StatusOr<std::string> SessionTokenField(absl::string_view path,
                                              absl::string_view token);

// The error of an RPC that needs an active session and has none.
absl::Status SessionNotActiveError();

// The error of an RPC that needs a known identity_ref, or a known user.
absl::Status IdentityUnknownError();
absl::Status UserUnknownError();

// The app of a stored identity, which the call then concerns. Errors:
// CALLER_NOT_ALLOWED; APP_UNKNOWN when the configuration has lost the app.
absl::StatusOr<const App*> AppOf(RpcContext& call, const Identity& identity);

// AppOf a session's identity, which must be a mini program;
// SESSION_NOT_ACTIVE without a session.
absl::StatusOr<const App*> MiniProgramOf(RpcContext& call,
                                         const std::optional<Session>& session);

// Takes out of `found` what the caller may not see: identities of apps that it
// may not call the method for, that a phone is stored of one of those, and a
// user who is left with none.
void KeepAllowed(RpcContext& call, std::optional<UserWithIdentities>& found);

// Base64 text of at least 1 and at most `max_size` characters, decoded.
absl::StatusOr<std::string> Base64Field(absl::string_view path,
                                        absl::string_view text,
                                        size_t max_size);

// The initialisation vector: base64 of 16 bytes, decoded.
absl::StatusOr<std::string> IvField(absl::string_view path,
                                    absl::string_view text);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_FIELDS_H_

#include "server/rpc/login_fields.h"

#include <algorithm>
#include <string>

#include "server/base/status_macros.h"
#include "server/rpc/fields.h"

namespace wxident {
namespace {

absl::StatusOr<Secret> SecretCodeField(absl::string_view path,
                                       const std::string& code) {
  WX_RETURN_IF_ERROR(CodeField(path, code));
  return Secret(code);
}

}  // namespace

absl::StatusOr<Secret> LoginCodeField(const v1::LoginRequest& request,
                                      const App& app) {
  const bool is_mini = app.kind == AppKind::kMiniProgram;
  switch (request.credential_case()) {
    case v1::LoginRequest::kMiniProgramCode:
      if (!is_mini)
        return FieldError(
            "mini_program_code",
            "needs an app_id that is configured as a mini program");
      return SecretCodeField("mini_program_code", request.mini_program_code());
    case v1::LoginRequest::kOauthCode:
      if (is_mini)
        return FieldError("oauth_code",
                          "needs an app_id that is configured as an official "
                          "account, website or mobile app");
      return SecretCodeField("oauth_code", request.oauth_code());
    case v1::LoginRequest::CREDENTIAL_NOT_SET:
      break;
  }
  return FieldError("credential",
                    "is required: mini_program_code or oauth_code");
}

absl::StatusOr<absl::Duration> SessionTtlField(const v1::LoginRequest& request,
                                               absl::Duration unless_given,
                                               absl::Duration most) {
  if (!request.has_session_ttl()) return unless_given;
  const auto& ttl = request.session_ttl();
  // Whole seconds are enough, and the largest Duration must not overflow.
  if (ttl.seconds() < 1 || ttl.nanos() < 0)
    return FieldError("session_ttl", "must be at least 1 s");
  return std::min(absl::Seconds(ttl.seconds()), most);
}

}  // namespace wxident

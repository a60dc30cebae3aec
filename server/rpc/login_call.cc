#include <algorithm>
#include <utility>

#include "server/base/status_macros.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

constexpr size_t kMaxCode = 512;

class LoginCall final : public UnaryCall<v1::LoginRequest, v1::LoginResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<const App*> app =
        AppField(context_, "app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    absl::StatusOr<Secret> code = CheckedCode(**app);
    if (!code.ok()) return Fail(code.status());
    absl::StatusOr<absl::Duration> ttl = SessionTtl();
    if (!ttl.ok()) return Fail(ttl.status());
    services_.code_exchange.Login(
        **app, context_.caller(), *std::move(code), *ttl, deadline(),
        [this](absl::StatusOr<CodeExchange::Answer> answer) {
          OnLoggedIn(std::move(answer));
        });
  }

 private:
  absl::StatusOr<Secret> CheckedCode(const App& app) {
    const bool is_mini = app.kind == AppKind::kMiniProgram;
    switch (request_.credential_case()) {
      case v1::LoginRequest::kMiniProgramCode:
        if (!is_mini)
          return FieldError(
              "mini_program_code",
              "needs an app_id that is configured as a mini program");
        return CheckedCode("mini_program_code", request_.mini_program_code());
      case v1::LoginRequest::kOauthCode:
        if (is_mini)
          return FieldError("oauth_code",
                            "needs an app_id that is configured as an official "
                            "account, website or mobile app");
        return CheckedCode("oauth_code", request_.oauth_code());
      case v1::LoginRequest::CREDENTIAL_NOT_SET:
        break;
    }
    return FieldError("credential",
                      "is required: mini_program_code or oauth_code");
  }

  static absl::StatusOr<Secret> CheckedCode(absl::string_view path,
                                            const std::string& code) {
    WX_RETURN_IF_ERROR(WechatIdField(path, code, kMaxCode));
    return Secret(code);
  }

  absl::StatusOr<absl::Duration> SessionTtl() {
    if (!request_.has_session_ttl()) return services_.default_session_ttl;
    const auto& ttl = request_.session_ttl();
    // Whole seconds are enough, and the largest Duration must not overflow.
    if (ttl.seconds() < 1 || ttl.nanos() < 0)
      return FieldError("session_ttl", "must be at least 1 s");
    return std::min(absl::Seconds(ttl.seconds()), services_.max_session_ttl);
  }

  void OnLoggedIn(absl::StatusOr<CodeExchange::Answer> answer) {
    if (!answer.ok()) return Fail(answer.status(), Repeat::kMaySpend);
    const Session& session = answer->signed_in.session;
    SetSubject(session.identity.openid);
    response_.set_session_token(answer->session_token.Expose());
    Fill(session.expires_at, *response_.mutable_expire_time());
    Fill(session.user, *response_.mutable_user());
    Fill(session.identity, *response_.mutable_identity());
    response_.set_new_user(answer->signed_in.new_user);
    Succeed();
  }
};

}  // namespace

RpcMethod LoginMethod(const Services& services) {
  return MethodOf<LoginCall>(services);
}

}  // namespace wxident

#include <utility>

#include "server/rpc/fields.h"
#include "server/rpc/login_fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class LoginCall final : public UnaryCall<v1::LoginRequest, v1::LoginResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<AuthorizedApp> app =
        context_.AuthorizeApp("app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    absl::StatusOr<Secret> code = LoginCodeField(request_, **app);
    if (!code.ok()) return Fail(code.status());
    const absl::StatusOr<absl::Duration> ttl = SessionTtlField(
        request_, flows_.default_session_ttl, flows_.max_session_ttl);
    if (!ttl.ok()) return Fail(ttl.status());
    flows_.code_exchange.Login(
        *app, context_.caller(), *std::move(code), *ttl, deadline(),
        [this, app = *app](absl::StatusOr<CodeExchange::Answer> answer) {
          OnLoggedIn(app, std::move(answer));
        });
  }

 private:
  void OnLoggedIn(const AuthorizedApp& app,
                  absl::StatusOr<CodeExchange::Answer> answer) {
    if (!answer.ok()) return Fail(answer.status(), Repeat::kMaySpend);
    const Session& session = answer->signed_in.session;
    context_.SetSubject(session.identity.openid);
    response_.set_session_token(answer->session_token.Expose());
    Fill(session.expires_at, *response_.mutable_expire_time());
    Fill(session.user, *response_.mutable_user());
    Fill(session.identity, *response_.mutable_identity());
    response_.set_new_user(answer->signed_in.new_user);
    Succeed(app);
  }
};

template RpcMethod MethodOf<LoginCall>(const Services& services);

}  // namespace wxident

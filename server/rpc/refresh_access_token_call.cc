#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

class RefreshAccessTokenCall final
    : public UnaryCall<v1::RefreshAccessTokenRequest,
                       v1::RefreshAccessTokenResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<AuthorizedApp> app =
        context_.AuthorizeApp("app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    flows_.tokens.Refresh(
        **app, [this, app = *app](absl::StatusOr<AccessToken> token) {
          OnToken(app, std::move(token));
        });
  }

 private:
  void OnToken(const AuthorizedApp& app, absl::StatusOr<AccessToken> token) {
    if (!token.ok()) return Fail(token.status());
    Log(LogLevel::kInfo, "access_token replaced by an operator",
        {{"app_id", request_.app_id()},
         {"generation", absl::StrCat(token->generation)}});
    response_.set_generation(token->generation);
    Fill(token->expires_at, *response_.mutable_expire_time());
    Succeed(app);
  }
};

template RpcMethod MethodOf<RefreshAccessTokenCall>(const Services& services);

}  // namespace wxident

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/rpc/admin_calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class RefreshAccessTokenCall final
    : public UnaryCall<v1::RefreshAccessTokenRequest,
                       v1::RefreshAccessTokenResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<const App*> app =
        AppField(context_, "app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    services_.tokens.Refresh(**app, [this](absl::StatusOr<AccessToken> token) {
      OnToken(std::move(token));
    });
  }

 private:
  void OnToken(absl::StatusOr<AccessToken> token) {
    if (!token.ok()) return Fail(token.status(), Repeat::kMaySpend);
    Log(LogLevel::kInfo, "access_token replaced by an operator",
        {{"app_id", request_.app_id()},
         {"generation", absl::StrCat(token->generation)}});
    response_.set_generation(token->generation);
    Fill(token->expires_at, *response_.mutable_expire_time());
    Succeed();
  }
};

}  // namespace

RpcMethod RefreshAccessTokenMethod(const Services& services) {
  return MethodOf<RefreshAccessTokenCall>(services);
}

}  // namespace wxident

#include <utility>

#include "server/rpc/app_messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

class GetAppStatusCall final
    : public UnaryCall<v1::GetAppStatusRequest, v1::GetAppStatusResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<AuthorizedApp> app =
        context_.AuthorizeApp("app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    flows_.tokens.GetState(
        **app, deadline(),
        [this, app = *app](absl::StatusOr<TokenManager::AppState> state) {
          OnState(app, std::move(state));
        });
  }

 private:
  void OnState(const AuthorizedApp& app,
               absl::StatusOr<TokenManager::AppState> state) {
    if (!state.ok()) return Fail(state.status());
    Fill(*app, *state, flows_.clock.Now(), response_);
    for (const WechatApi::Breaker& breaker : flows_.wechat.BreakersOf(*app))
      Fill(breaker, *response_.add_breakers());
    Succeed(app);
  }
};

template RpcMethod MethodOf<GetAppStatusCall>(const Services& services);

}  // namespace wxident

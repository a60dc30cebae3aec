#include <utility>

#include "server/rpc/admin_calls.h"
#include "server/rpc/app_messages.h"
#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class GetAppStatusCall final
    : public UnaryCall<v1::GetAppStatusRequest, v1::GetAppStatusResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<const App*> app =
        AppField(context_, "app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    services_.tokens.GetState(
        **app, deadline(),
        [this, app = *app](absl::StatusOr<TokenManager::AppState> state) {
          OnState(*app, std::move(state));
        });
  }

 private:
  void OnState(const App& app, absl::StatusOr<TokenManager::AppState> state) {
    if (!state.ok()) return Fail(state.status());
    Fill(app, *state, services_.clock.Now(), response_);
    for (const WechatApi::Breaker& breaker : services_.wechat.BreakersOf(app))
      Fill(breaker, *response_.add_breakers());
    Succeed();
  }
};

}  // namespace

RpcMethod GetAppStatusMethod(const Services& services) {
  return MethodOf<GetAppStatusCall>(services);
}

}  // namespace wxident

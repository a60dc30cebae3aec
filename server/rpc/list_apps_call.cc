#include "server/rpc/app_messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

class ListAppsCall final
    : public UnaryCall<v1::ListAppsRequest, v1::ListAppsResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<AuthorizedEveryApp> right =
        context_.AuthorizeEveryApp();
    if (!right.ok()) return Fail(right.status());
    for (const auto& [app_id, app] : AllApps(*right).all())
      Fill(app, *response_.add_apps());
    Succeed(*right);
  }
};

template RpcMethod MethodOf<ListAppsCall>(const Services& services);

}  // namespace wxident

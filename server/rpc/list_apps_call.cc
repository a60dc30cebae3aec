#include "server/rpc/admin_calls.h"
#include "server/rpc/app_messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class ListAppsCall final
    : public UnaryCall<v1::ListAppsRequest, v1::ListAppsResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::Status allowed = AllowEveryApp();
    if (!allowed.ok()) return Fail(allowed);
    for (const auto& [app_id, app] : services_.apps.all())
      Fill(app, *response_.add_apps());
    Succeed();
  }
};

}  // namespace

RpcMethod ListAppsMethod(const Services& services) {
  return MethodOf<ListAppsCall>(services);
}

}  // namespace wxident

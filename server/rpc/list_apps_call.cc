#include "server/rpc/admin_calls.h"
#include "server/rpc/app_messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class ListAppsCall final : public UnaryCall {
 public:
  ListAppsCall(const Services& services, grpc::CallbackServerContext& context,
               v1::ListAppsResponse& response)
      : UnaryCall(services, "ListApps", context), response_(response) {}

  void Start() override {
    const absl::Status allowed = AllowEveryApp();
    if (!allowed.ok()) return Fail(allowed);
    for (const auto& [app_id, app] : services_.apps.all())
      Fill(app, *response_.add_apps());
    Succeed();
  }

 private:
  v1::ListAppsResponse& response_;
};

}  // namespace

grpc::ServerUnaryReactor* StartListApps(const Services& services,
                                        grpc::CallbackServerContext& context,
                                        const v1::ListAppsRequest& /*request*/,
                                        v1::ListAppsResponse& response) {
  auto* call = new ListAppsCall(services, context, response);
  call->Begin();
  return call;
}

}  // namespace wxident

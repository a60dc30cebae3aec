#include "server/rpc/admin_calls.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class RotateKeysCall final : public UnaryCall {
 public:
  RotateKeysCall(const Services& services, grpc::CallbackServerContext& context,
                 v1::RotateKeysResponse& response)
      : UnaryCall(services, "RotateKeys", context), response_(response) {}

  void Start() override {
    if (const absl::Status allowed = AllowEveryApp(); !allowed.ok())
      return Fail(allowed);
    services_.ring_reload.Reload(
        [this](absl::Status reloaded) { OnReloaded(reloaded); });
  }

 private:
  void OnReloaded(const absl::Status& reloaded) {
    if (!reloaded.ok()) return Fail(reloaded);
    response_.set_sealing_key_id(services_.key_ring.sealing_key_id());
    services_.resealer.Begin();
    Succeed();
  }

  v1::RotateKeysResponse& response_;
};

}  // namespace

grpc::ServerUnaryReactor* StartRotateKeys(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::RotateKeysRequest& /*request*/,
    v1::RotateKeysResponse& response) {
  auto* call = new RotateKeysCall(services, context, response);
  call->Begin();
  return call;
}

}  // namespace wxident

#include "server/rpc/admin_calls.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class RotateKeysCall final
    : public UnaryCall<v1::RotateKeysRequest, v1::RotateKeysResponse> {
 public:
  using UnaryCall::UnaryCall;

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
    services_.reencryptor.Begin();
    Succeed();
  }
};

}  // namespace

RpcMethod RotateKeysMethod(const Services& services) {
  return MethodOf<RotateKeysCall>(services);
}

}  // namespace wxident

#include "server/rpc/unary_call.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

class RotateKeysCall final
    : public UnaryCall<v1::RotateKeysRequest, v1::RotateKeysResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<AuthorizedEveryApp> right =
        context_.AuthorizeEveryApp();
    if (!right.ok()) return Fail(right.status());
    flows_.ring_reload.Reload(
        [this, right = *right](const absl::Status& reloaded) {
          OnReloaded(right, reloaded);
        });
  }

 private:
  void OnReloaded(const AuthorizedEveryApp& right,
                  const absl::Status& reloaded) {
    if (!reloaded.ok()) return Fail(reloaded);
    response_.set_sealing_key_id(flows_.key_ring.sealing_key_id());
    flows_.reencryptor.Begin();
    Succeed(right);
  }
};

template RpcMethod MethodOf<RotateKeysCall>(const Services& services);

}  // namespace wxident

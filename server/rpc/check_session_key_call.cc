#include <utility>

#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class CheckSessionKeyCall final
    : public UnaryCall<v1::CheckSessionKeyRequest,
                       v1::CheckSessionKeyResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    FindKeys(*std::move(hash),
             [this](const AuthorizedKeys& keys) { OnKeys(keys); });
  }

 private:
  void OnKeys(const AuthorizedKeys& keys) {
    flows_.person.CheckSessionKey(
        keys, deadline(), [this, app = keys.app()](absl::StatusOr<bool> valid) {
          if (!valid.ok()) return Fail(valid.status());
          response_.set_valid(*valid);
          Succeed(app);
        });
  }
};

template RpcMethod MethodOf<CheckSessionKeyCall>(const Services& services);

}  // namespace wxident

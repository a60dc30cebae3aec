#include <cstdint>
#include <map>
#include <utility>

#include "server/keys/key_count.h"
#include "server/rpc/key_messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

class GetKeyStatusCall final
    : public UnaryCall<v1::GetKeyStatusRequest, v1::GetKeyStatusResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<AuthorizedEveryApp> right =
        context_.AuthorizeEveryApp();
    if (!right.ok()) return Fail(right.status());
    CountKeys(flows_.keys, deadline(),
              [this, right = *right](
                  absl::StatusOr<std::map<uint32_t, int64_t>> counts) {
                OnCounted(right, std::move(counts));
              });
  }

 private:
  void OnCounted(const AuthorizedEveryApp& right,
                 absl::StatusOr<std::map<uint32_t, int64_t>> counts) {
    if (!counts.ok()) return Fail(counts.status());
    FillKeys(flows_.key_ring.key_ids(), *std::move(counts), response_);
    Fill(flows_.reencryptor.GetStatus(), *response_.mutable_resealing());
    Succeed(right);
  }
};

template RpcMethod MethodOf<GetKeyStatusCall>(const Services& services);

}  // namespace wxident

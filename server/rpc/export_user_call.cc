#include <optional>
#include <utility>

#include "server/rpc/export_messages.h"
#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

class ExportUserCall final
    : public UnaryCall<v1::ExportUserRequest, v1::ExportUserResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::Status checked = UserIdField("user_id", request_.user_id());
    if (!checked.ok()) return Fail(checked);
    const absl::StatusOr<AuthorizedEveryApp> right =
        context_.AuthorizeEveryApp();
    if (!right.ok()) return Fail(right.status());
    context_.SetSubject(request_.user_id());
    flows_.person.user_data.Export(
        *right, request_.user_id(), deadline(),
        [this,
         right = *right](absl::StatusOr<std::optional<ExportedUser>> user) {
          if (!user.ok()) return Fail(user.status());
          if (!user->has_value()) return Fail(UserUnknownError());
          Fill(**user, response_);
          Succeed(right);
        });
  }
};

template RpcMethod MethodOf<ExportUserCall>(const Services& services);

}  // namespace wxident

#include <optional>
#include <utility>

#include "server/base/status_macros.h"
#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/admin_service.pb.h"

namespace wxident {

class EraseUserCall final
    : public UnaryCall<v1::EraseUserRequest, v1::EraseUserResponse> {
 public:
  using UnaryCall::UnaryCall;

  // An identity_ref, too, names a person of all apps.
  void Start() override {
    const absl::StatusOr<AuthorizedEveryApp> right =
        context_.AuthorizeEveryApp();
    if (!right.ok()) return Fail(right.status());
    absl::StatusOr<UserQuery> query = Query();
    if (!query.ok()) return Fail(query.status());
    flows_.person.user_data.Erase(
        *right, *std::move(query), deadline(),
        [this, right = *right](absl::StatusOr<std::optional<Erased>> erased) {
          OnErased(right, std::move(erased));
        });
  }

 private:
  absl::StatusOr<UserQuery> Query() {
    if (request_.has_user_id()) {
      WX_RETURN_IF_ERROR(UserIdField("user_id", request_.user_id()));
      context_.SetSubject(request_.user_id());
      return ByUserId{request_.user_id()};
    }
    if (!request_.has_identity_ref())
      return FieldError("subject", "is required: user_id or identity_ref");
    const v1::IdentityRef& ref = request_.identity_ref();
    WX_RETURN_IF_ERROR(
        context_.AuthorizePerson("identity_ref", ref.app_id(), ref.openid())
            .status());
    return ByOpenid{ref.app_id(), ref.openid()};
  }

  void OnErased(const AuthorizedEveryApp& right,
                absl::StatusOr<std::optional<Erased>> erased) {
    if (!erased.ok()) return Fail(erased.status());
    if (!erased->has_value()) return Fail(UserUnknownError());
    response_.set_user_id((*erased)->user_id);
    response_.set_erased_identities((*erased)->identities);
    response_.set_revoked_sessions((*erased)->sessions);
    Succeed(right);
  }
};

template RpcMethod MethodOf<EraseUserCall>(const Services& services);

}  // namespace wxident

#include <utility>

#include "server/base/status_macros.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class GetUserCall final
    : public UnaryCall<v1::GetUserRequest, v1::GetUserResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<UserQuery> query = Query();
    if (!query.ok()) return Fail(query.status());
    FindUsers({*std::move(query)},
              [this](const AuthorizedUsers& users) { OnFound(users); });
  }

 private:
  absl::StatusOr<UserQuery> Query() {
    if (request_.has_user_id()) {
      WX_RETURN_IF_ERROR(UserIdField("user_id", request_.user_id()));
      return ByUserId{request_.user_id()};
    }
    if (request_.has_identity_ref()) {
      const v1::IdentityRef& ref = request_.identity_ref();
      WX_RETURN_IF_ERROR(
          context_.AuthorizePerson("identity_ref", ref.app_id(), ref.openid())
              .status());
      return ByOpenid{ref.app_id(), ref.openid()};
    }
    if (!request_.has_union_ref())
      return FieldError("subject",
                        "is required: user_id, identity_ref or union_ref");
    const v1::UnionRef& ref = request_.union_ref();
    WX_ASSIGN_OR_RETURN(
        const AuthorizedApp app,
        context_.AuthorizeApp("union_ref.app_id", ref.app_id()));
    WX_RETURN_IF_ERROR(UnionidField("union_ref.unionid", ref.unionid()));
    return ByUnionid{app->open_platform_account, ref.unionid()};
  }

  void OnFound(const AuthorizedUsers& users) {
    const std::optional<UserWithIdentities>& found = (*users).front();
    if (!found.has_value()) return Fail(UserUnknownError());
    Fill(found->user, *response_.mutable_user());
    for (const Identity& identity : found->identities)
      Fill(identity, *response_.add_identities());
    Succeed(users);
  }
};

template RpcMethod MethodOf<GetUserCall>(const Services& services);

}  // namespace wxident

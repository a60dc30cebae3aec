#include <optional>
#include <utility>

#include "server/base/status_macros.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

constexpr size_t kMaxUnionid = 128;

class GetUserCall final
    : public UnaryCall<v1::GetUserRequest, v1::GetUserResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<UserQuery> query = Query();
    if (!query.ok()) return Fail(query.status());
    services_.identities.FindUser(
        *std::move(query), deadline(),
        [this](absl::StatusOr<std::optional<UserWithIdentities>> found) {
          OnFound(std::move(found));
        });
  }

 private:
  absl::StatusOr<UserQuery> Query() {
    switch (request_.subject_case()) {
      case v1::GetUserRequest::kUserId:
        WX_RETURN_IF_ERROR(UserIdField("user_id", request_.user_id()));
        return ByUserId{request_.user_id()};
      case v1::GetUserRequest::kIdentityRef: {
        const v1::IdentityRef& ref = request_.identity_ref();
        WX_RETURN_IF_ERROR(IdentityRefField(context_, "identity_ref", ref));
        return ByOpenid{ref.app_id(), ref.openid()};
      }
      case v1::GetUserRequest::kUnionRef: {
        const v1::UnionRef& ref = request_.union_ref();
        WX_ASSIGN_OR_RETURN(
            const App* app,
            AppField(context_, "union_ref.app_id", ref.app_id()));
        WX_RETURN_IF_ERROR(
            WechatIdField("union_ref.unionid", ref.unionid(), kMaxUnionid));
        return ByUnionid{app->open_platform_account, ref.unionid()};
      }
      case v1::GetUserRequest::SUBJECT_NOT_SET:
        break;
    }
    return FieldError("subject",
                      "is required: user_id, identity_ref or union_ref");
  }

  void OnFound(absl::StatusOr<std::optional<UserWithIdentities>> found) {
    if (!found.ok()) return Fail(found.status());
    KeepAllowed(context_, *found);
    if (!found->has_value()) return Fail(UserUnknownError());
    Fill((*found)->user, *response_.mutable_user());
    for (const Identity& identity : (*found)->identities)
      Fill(identity, *response_.add_identities());
    Succeed();
  }
};

}  // namespace

RpcMethod GetUserMethod(const Services& services) {
  return MethodOf<GetUserCall>(services);
}

}  // namespace wxident

#include <optional>
#include <utility>

#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/rpc/admin_calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class EraseUserCall final
    : public UnaryCall<v1::EraseUserRequest, v1::EraseUserResponse> {
 public:
  using UnaryCall::UnaryCall;

  // An identity_ref, too, names a person of all apps.
  void Start() override {
    const absl::Status allowed = AllowEveryApp();
    if (!allowed.ok()) return Fail(allowed);
    absl::StatusOr<UserQuery> query = Query();
    if (!query.ok()) return Fail(query.status());
    services_.identities.EraseUser(
        *std::move(query), deadline(),
        [this](absl::StatusOr<std::optional<Erased>> erased) {
          OnErased(std::move(erased));
        });
  }

 private:
  absl::StatusOr<UserQuery> Query() {
    switch (request_.subject_case()) {
      case v1::EraseUserRequest::kUserId:
        WX_RETURN_IF_ERROR(UserIdField("user_id", request_.user_id()));
        SetSubject(request_.user_id());
        return ByUserId{request_.user_id()};
      case v1::EraseUserRequest::kIdentityRef: {
        const v1::IdentityRef& ref = request_.identity_ref();
        WX_RETURN_IF_ERROR(IdentityRefField(context_, "identity_ref", ref));
        return ByOpenid{ref.app_id(), ref.openid()};
      }
      case v1::EraseUserRequest::SUBJECT_NOT_SET:
        break;
    }
    return FieldError("subject", "is required: user_id or identity_ref");
  }

  void OnErased(absl::StatusOr<std::optional<Erased>> erased) {
    // Also after a failure, which may hide that it took effect.
    services_.session_cache.ForgetAll();
    if (!erased.ok()) return Fail(erased.status());
    if (!erased->has_value()) return Fail(UserUnknownError());
    Log(LogLevel::kInfo, "user erased", {{"user_id", (*erased)->user_id}});
    response_.set_user_id((*erased)->user_id);
    response_.set_erased_identities((*erased)->identities);
    response_.set_revoked_sessions((*erased)->sessions);
    Succeed();
  }
};

}  // namespace

RpcMethod EraseUserMethod(const Services& services) {
  return MethodOf<EraseUserCall>(services);
}

}  // namespace wxident

#include <optional>
#include <utility>

#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class RevokeSessionCall final
    : public UnaryCall<v1::RevokeSessionRequest, v1::RevokeSessionResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    if (request_.has_user_id()) return RevokeAll();
    if (!request_.has_session_token())
      return Fail(
          FieldError("target", "is required: session_token or user_id"));
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    FindToken(*std::move(hash), [this](std::optional<AuthorizedToken> token) {
      // Nothing to revoke.
      if (!token.has_value()) return Succeed(context_.AboutNobody());
      flows_.session_changes.Revoke(*token, deadline(), WhenRevoked(*token));
    });
  }

 private:
  void RevokeAll() {
    const absl::Status checked = UserIdField("user_id", request_.user_id());
    if (!checked.ok()) return Fail(checked);
    const absl::StatusOr<AuthorizedEveryApp> right =
        context_.AuthorizeEveryApp();
    if (!right.ok()) return Fail(right.status());
    context_.SetSubject(request_.user_id());
    flows_.session_changes.RevokeUser(*right, request_.user_id(), deadline(),
                                      WhenRevoked(*right));
  }

  Done<int> WhenRevoked(Authorized proof) {
    return [this, proof](absl::StatusOr<int> count) {
      if (!count.ok()) return Fail(count.status());
      response_.set_revoked_count(*count);
      Succeed(proof);
    };
  }
};

template RpcMethod MethodOf<RevokeSessionCall>(const Services& services);

}  // namespace wxident

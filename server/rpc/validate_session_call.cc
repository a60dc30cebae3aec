#include <utility>

#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class ValidateSessionCall final
    : public UnaryCall<v1::ValidateSessionRequest,
                       v1::ValidateSessionResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    CheckSession(
        *std::move(hash), request_.strong(),
        [this](const AuthorizedSession* session) { OnChecked(session); });
  }

 private:
  void OnChecked(const AuthorizedSession* session) {
    if (session == nullptr) return Succeed(context_.AboutNobody());
    response_.set_active(true);
    Fill(**session, *response_.mutable_session());
    Succeed(*session);
  }
};

template RpcMethod MethodOf<ValidateSessionCall>(const Services& services);

}  // namespace wxident

#include <optional>
#include <utility>

#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class ValidateSessionCall final
    : public UnaryCall<v1::ValidateSessionRequest,
                       v1::ValidateSessionResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    if (hash->empty()) return NotActive();
    services_.session_cache.Check(
        *std::move(hash), request_.strong(), deadline(),
        [this](absl::StatusOr<std::optional<Session>> session) {
          OnChecked(std::move(session));
        });
  }

 private:
  void OnChecked(absl::StatusOr<std::optional<Session>> session) {
    if (!session.ok()) return Fail(session.status());
    if (!session->has_value()) return NotActive();
    const absl::Status allowed = Allow((*session)->identity.app_id);
    if (!allowed.ok()) return Fail(allowed);
    SetSubject((*session)->identity.openid);
    response_.set_active(true);
    Fill(**session, *response_.mutable_session());
    Succeed();
  }

  void NotActive() {
    ConcernsNoApp();
    Succeed();
  }
};

}  // namespace

RpcMethod ValidateSessionMethod(const Services& services) {
  return MethodOf<ValidateSessionCall>(services);
}

}  // namespace wxident

#include <optional>
#include <utility>

#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class RefreshSessionCall final
    : public UnaryCall<v1::RefreshSessionRequest, v1::RefreshSessionResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    FindToken(*std::move(hash), [this](std::optional<AuthorizedToken> token) {
      OnToken(std::move(token));
    });
  }

 private:
  void OnToken(const std::optional<AuthorizedToken>& token) {
    if (!token.has_value()) return Fail(SessionNotActiveError());
    flows_.session_changes.Refresh(
        *token, Secret(request_.session_token()), deadline(),
        [this, proof = static_cast<Authorized>(*token)](
            absl::StatusOr<std::optional<RefreshedSession>> refreshed) {
          OnRefreshed(proof, std::move(refreshed));
        });
  }

  void OnRefreshed(const Authorized& proof,
                   absl::StatusOr<std::optional<RefreshedSession>> refreshed) {
    if (!refreshed.ok()) return Fail(refreshed.status());
    if (!refreshed->has_value()) return Fail(SessionNotActiveError());
    response_.set_session_token((*refreshed)->token.Expose());
    Fill((*refreshed)->expires_at, *response_.mutable_expire_time());
    Succeed(proof);
  }
};

template RpcMethod MethodOf<RefreshSessionCall>(const Services& services);

}  // namespace wxident

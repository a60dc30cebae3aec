#include <optional>
#include <string>
#include <utility>

#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class RevokeSessionCall final
    : public UnaryCall<v1::RevokeSessionRequest, v1::RevokeSessionResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    switch (request_.target_case()) {
      case v1::RevokeSessionRequest::kSessionToken:
        return RevokeOne();
      case v1::RevokeSessionRequest::kUserId:
        return RevokeAll();
      case v1::RevokeSessionRequest::TARGET_NOT_SET:
        return Fail(
            FieldError("target", "is required: session_token or user_id"));
    }
  }

 private:
  void RevokeOne() {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    if (hash->empty()) return NothingToRevoke();
    hash_ = *std::move(hash);
    // Whose it is decides whether the caller may, and is for the audit log.
    if (AllowsEveryApp() && services_.audit == nullptr) return Revoke();
    services_.sessions.FindTokenOwner(
        hash_, deadline(), [this](absl::StatusOr<std::optional<Identity>> who) {
          OnOwner(std::move(who));
        });
  }

  void OnOwner(absl::StatusOr<std::optional<Identity>> who) {
    if (!who.ok()) return Fail(who.status());
    if (!who->has_value()) return NothingToRevoke();
    const absl::Status allowed = Allow((*who)->app_id);
    if (!allowed.ok()) return Fail(allowed);
    SetSubject((*who)->openid);
    Revoke();
  }

  void NothingToRevoke() {
    ConcernsNoApp();
    Succeed();
  }

  void Revoke() {
    services_.session_cache.Revoke(
        std::move(hash_), deadline(),
        [this](absl::StatusOr<int> count) { OnRevoked(std::move(count)); });
  }

  void RevokeAll() {
    absl::Status checked = UserIdField("user_id", request_.user_id());
    if (!checked.ok()) return Fail(checked);
    const absl::Status allowed = AllowEveryApp();
    if (!allowed.ok()) return Fail(allowed);
    SetSubject(request_.user_id());
    services_.session_cache.RevokeUser(
        request_.user_id(), deadline(),
        [this](absl::StatusOr<int> count) { OnRevoked(std::move(count)); });
  }

  void OnRevoked(absl::StatusOr<int> count) {
    if (!count.ok()) return Fail(count.status());
    response_.set_revoked_count(*count);
    Succeed();
  }

  std::string hash_;
};

}  // namespace

RpcMethod RevokeSessionMethod(const Services& services) {
  return MethodOf<RevokeSessionCall>(services);
}

}  // namespace wxident

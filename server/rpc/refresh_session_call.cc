#include <optional>
#include <string>
#include <utility>

#include "server/identity/session_token.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class RefreshSessionCall final
    : public UnaryCall<v1::RefreshSessionRequest, v1::RefreshSessionResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    if (hash->empty()) return Fail(SessionNotActiveError());
    hash_ = *std::move(hash);
    // Whose it is decides whether the caller may, and is for the audit log.
    if (AllowsEveryApp() && services_.audit == nullptr) return Refresh();
    services_.sessions.FindTokenOwner(
        hash_, deadline(), [this](absl::StatusOr<std::optional<Identity>> who) {
          OnOwner(std::move(who));
        });
  }

 private:
  void OnOwner(absl::StatusOr<std::optional<Identity>> who) {
    if (!who.ok()) return Fail(who.status());
    if (!who->has_value()) return Fail(SessionNotActiveError());
    const absl::Status allowed = Allow((*who)->app_id);
    if (!allowed.ok()) return Fail(allowed);
    SetSubject((*who)->openid);
    Refresh();
  }

  void Refresh() {
    services_.session_cache.Refresh(
        {.token = Secret(request_.session_token()),
         .token_hash = std::move(hash_),
         .salt = NewTokenSalt(services_.random),
         .overlap = services_.session_refresh_overlap,
         .max_age = services_.session_max_age},
        deadline(),
        [this](absl::StatusOr<std::optional<RefreshedSession>> refreshed) {
          OnRefreshed(std::move(refreshed));
        });
  }

  void OnRefreshed(absl::StatusOr<std::optional<RefreshedSession>> refreshed) {
    if (!refreshed.ok()) return Fail(refreshed.status());
    if (!refreshed->has_value()) return Fail(SessionNotActiveError());
    response_.set_session_token((*refreshed)->token.Expose());
    Fill((*refreshed)->expires_at, *response_.mutable_expire_time());
    Succeed();
  }

  std::string hash_;
};

}  // namespace

RpcMethod RefreshSessionMethod(const Services& services) {
  return MethodOf<RefreshSessionCall>(services);
}

}  // namespace wxident

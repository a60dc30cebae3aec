#include <optional>
#include <utility>

#include "server/keeper/app_token_call.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class CheckSessionKeyCall final
    : public UnaryCall<v1::CheckSessionKeyRequest,
                       v1::CheckSessionKeyResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    if (hash->empty()) return Fail(SessionNotActiveError());
    services_.sessions.FindSessionWithKeys(
        *std::move(hash), deadline(),
        [this](absl::StatusOr<std::optional<SessionWithKeys>> session) {
          OnSession(std::move(session));
        });
  }

 private:
  void OnSession(absl::StatusOr<std::optional<SessionWithKeys>> found) {
    if (!found.ok()) return Fail(found.status());
    if (!found->has_value()) return Fail(SessionNotActiveError());
    SessionWithKeys& session = **found;
    absl::StatusOr<const App*> app = MiniProgramOf(context_, session.session);
    if (!app.ok()) return Fail(app.status());
    // No key is kept, so none is current.
    if (session.session_keys.empty()) return Succeed();
    if (IsForNobody()) return GiveUp();
    CallWithAppToken<bool>(
        services_.tokens, **app, "checksession",
        [this, app = *app, openid = session.session.identity.openid,
         key = session.session_keys.front()](const Secret& token,
                                             Done<bool> done) {
          services_.wechat.CheckSessionKey(*app, token, openid, key, deadline(),
                                           std::move(done));
        },
        [this](absl::StatusOr<bool> valid) { OnChecked(std::move(valid)); });
  }

  void OnChecked(absl::StatusOr<bool> valid) {
    if (!valid.ok()) return Fail(valid.status());
    response_.set_valid(*valid);
    Succeed();
  }
};

}  // namespace

RpcMethod CheckSessionKeyMethod(const Services& services) {
  return MethodOf<CheckSessionKeyCall>(services);
}

}  // namespace wxident

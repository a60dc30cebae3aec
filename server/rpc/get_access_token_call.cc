#include <optional>
#include <utility>

#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

constexpr size_t kMaxAccessToken = 2048;

class GetAccessTokenCall final
    : public UnaryCall<v1::GetAccessTokenRequest, v1::GetAccessTokenResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<const App*> app =
        AppField(context_, "app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    const std::string& rejected = request_.rejected_access_token();
    if (rejected.size() > kMaxAccessToken)
      return Fail(FieldError("rejected_access_token",
                             "is longer than 2048 characters"));
    std::optional<Secret> refused;
    if (!rejected.empty()) refused = Secret(rejected);
    if (request_.has_web()) return StartWeb(**app, std::move(refused));
    services_.tokens.Get(**app, refused,
                         [this](absl::StatusOr<AccessToken> token) {
                           OnToken(std::move(token));
                         });
  }

 private:
  void StartWeb(const App& app, std::optional<Secret> refused) {
    const v1::IdentityRef& ref = request_.web().identity_ref();
    absl::Status checked = IdentityRefField(context_, "web.identity_ref", ref);
    if (!checked.ok()) return Fail(checked);
    if (ref.app_id() != app.app_id)
      return Fail(FieldError("web.identity_ref.app_id", "must be app_id"));
    if (app.kind == AppKind::kMiniProgram)
      return Fail(FieldError("web", "needs an app that is no mini program"));
    services_.grants.GetToken(
        ByOpenid{ref.app_id(), ref.openid()}, std::move(refused), deadline(),
        [this](absl::StatusOr<OauthGrants::WebToken> token) {
          OnWebToken(std::move(token));
        });
  }

  void OnWebToken(absl::StatusOr<OauthGrants::WebToken> token) {
    if (!token.ok()) return Fail(token.status());
    response_.set_access_token(token->token.Expose());
    Fill(token->expires_at, *response_.mutable_expire_time());
    response_.set_kind(v1::ACCESS_TOKEN_KIND_WEB);
    Succeed();
  }

  void OnToken(absl::StatusOr<AccessToken> token) {
    if (!token.ok()) return Fail(token.status());
    response_.set_access_token(token->token.Expose());
    Fill(token->expires_at, *response_.mutable_expire_time());
    response_.set_generation(token->generation);
    response_.set_kind(v1::ACCESS_TOKEN_KIND_APP);
    Succeed();
  }
};

}  // namespace

RpcMethod GetAccessTokenMethod(const Services& services) {
  return MethodOf<GetAccessTokenCall>(services);
}

}  // namespace wxident

#include <optional>
#include <utility>

#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class GetAccessTokenCall final
    : public UnaryCall<v1::GetAccessTokenRequest, v1::GetAccessTokenResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<AuthorizedApp> app =
        context_.AuthorizeApp("app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    absl::StatusOr<std::optional<Secret>> refused = RejectedTokenField(
        "rejected_access_token", request_.rejected_access_token());
    if (!refused.ok()) return Fail(refused.status());
    if (request_.has_web()) return StartWeb(*app, *std::move(refused));
    flows_.tokens.Get(**app, *refused, deadline(),
                      [this, app = *app](absl::StatusOr<AccessToken> token) {
                        if (token.ok())
                          response_.set_generation(token->generation);
                        Answer(app, token, v1::ACCESS_TOKEN_KIND_APP);
                      });
  }

 private:
  void StartWeb(const AuthorizedApp& app, std::optional<Secret> refused) {
    const v1::IdentityRef& ref = request_.web().identity_ref();
    const absl::StatusOr<AuthorizedPerson> person = context_.AuthorizePerson(
        "web.identity_ref", ref.app_id(), ref.openid());
    if (!person.ok()) return Fail(person.status());
    if (ref.app_id() != app->app_id)
      return Fail(FieldError("web.identity_ref.app_id", "must be app_id"));
    if (app->kind == AppKind::kMiniProgram)
      return Fail(FieldError("web", "needs an app that is no mini program"));
    flows_.grants.GetToken(
        ByOpenid{ref.app_id(), ref.openid()}, std::move(refused), deadline(),
        [this, app](absl::StatusOr<OauthGrants::WebToken> token) {
          Answer(app, token, v1::ACCESS_TOKEN_KIND_WEB);
        });
  }

  template <typename Token>
  void Answer(const AuthorizedApp& app, const absl::StatusOr<Token>& token,
              v1::AccessTokenKind kind) {
    if (!token.ok()) return Fail(token.status());
    response_.set_access_token(token->token.Expose());
    Fill(token->expires_at, *response_.mutable_expire_time());
    response_.set_kind(kind);
    Succeed(app);
  }
};

template RpcMethod MethodOf<GetAccessTokenCall>(const Services& services);

}  // namespace wxident

#include <string>
#include <utility>

#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"
#include "server/wechat/jsapi_signature.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class GetJsapiSignatureCall final
    : public UnaryCall<v1::GetJsapiSignatureRequest,
                       v1::GetJsapiSignatureResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<AuthorizedApp> app =
        context_.AuthorizeApp("app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    if ((*app)->kind != AppKind::kOfficialAccount)
      return Fail(FieldError("app_id", "must be that of an official account"));
    const absl::Status url = PageUrlField("url", request_.url());
    if (!url.ok()) return Fail(url);
    flows_.tokens.GetTicket(
        **app, deadline(),
        [this, app = *app](absl::StatusOr<AccessToken> ticket) {
          OnTicket(app, std::move(ticket));
        });
  }

 private:
  void OnTicket(const AuthorizedApp& app, absl::StatusOr<AccessToken> ticket) {
    if (!ticket.ok()) return Fail(ticket.status());
    const std::string nonce = NewJsapiNonce(flows_.random);
    const int64_t timestamp = absl::ToUnixSeconds(flows_.clock.Now());
    response_.set_app_id(app->app_id);
    response_.set_nonce(nonce);
    response_.set_timestamp(timestamp);
    response_.set_signature(
        SignJsapi(ticket->token, nonce, timestamp, request_.url()));
    Succeed(app);
  }
};

template RpcMethod MethodOf<GetJsapiSignatureCall>(const Services& services);

}  // namespace wxident

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "server/base/status_macros.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"
#include "server/wechat/jsapi_signature.h"

namespace wxident {
namespace {

constexpr size_t kMaxUrl = 2048;

absl::Status PageUrlField(absl::string_view path, const std::string& url) {
  if (url.empty()) return FieldError(path, "is required");
  if (url.size() > kMaxUrl)
    return FieldError(path, "is longer than 2048 characters");
  if (!absl::StartsWithIgnoreCase(url, "http://") &&
      !absl::StartsWithIgnoreCase(url, "https://"))
    return FieldError(path, "must begin with http:// or https://");
  for (const char c : url)
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f')
      return FieldError(path, "must not have spaces or control characters");
  return absl::OkStatus();
}

class GetJsapiSignatureCall final
    : public UnaryCall<v1::GetJsapiSignatureRequest,
                       v1::GetJsapiSignatureResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<const App*> app = CheckedApp();
    if (!app.ok()) return Fail(app.status());
    services_.tokens.GetTicket(**app,
                               [this](absl::StatusOr<AccessToken> ticket) {
                                 OnTicket(std::move(ticket));
                               });
  }

 private:
  absl::StatusOr<const App*> CheckedApp() {
    WX_ASSIGN_OR_RETURN(const App* app,
                        AppField(context_, "app_id", request_.app_id()));
    if (app->kind != AppKind::kOfficialAccount)
      return FieldError("app_id", "must be that of an official account");
    WX_RETURN_IF_ERROR(PageUrlField("url", request_.url()));
    return app;
  }

  void OnTicket(absl::StatusOr<AccessToken> ticket) {
    if (!ticket.ok()) return Fail(ticket.status());
    const std::string nonce = NewJsapiNonce(services_.random);
    const int64_t timestamp = absl::ToUnixSeconds(services_.clock.Now());
    response_.set_app_id(request_.app_id());
    response_.set_nonce(nonce);
    response_.set_timestamp(timestamp);
    response_.set_signature(
        SignJsapi(ticket->token, nonce, timestamp, request_.url()));
    Succeed();
  }
};

}  // namespace

RpcMethod GetJsapiSignatureMethod(const Services& services) {
  return MethodOf<GetJsapiSignatureCall>(services);
}

}  // namespace wxident

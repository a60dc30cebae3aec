#include <optional>
#include <utility>

#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

constexpr size_t kMaxAccessToken = 2048;

class GetAccessTokenCall final : public UnaryCall {
 public:
  GetAccessTokenCall(const Services& services,
                     grpc::CallbackServerContext& context,
                     const v1::GetAccessTokenRequest& request,
                     v1::GetAccessTokenResponse& response)
      : UnaryCall(services, "GetAccessToken", context),
        request_(request),
        response_(response) {}

  void Start() {
    absl::StatusOr<const App*> app =
        AppField(services_, "app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    const std::string& rejected = request_.rejected_access_token();
    if (rejected.size() > kMaxAccessToken)
      return Fail(FieldError("rejected_access_token",
                             "is longer than 2048 characters"));
    services_.tokens.Get(
        **app,
        rejected.empty() ? std::nullopt : std::optional(Secret(rejected)),
        [this](absl::StatusOr<AccessToken> token) {
          OnToken(std::move(token));
        });
  }

 private:
  void OnToken(absl::StatusOr<AccessToken> token) {
    if (!token.ok()) return Fail(token.status());
    response_.set_access_token(token->token.Expose());
    Fill(token->expires_at, *response_.mutable_expire_time());
    response_.set_generation(token->generation);
    response_.set_kind(v1::ACCESS_TOKEN_KIND_APP);
    Succeed();
  }

  const v1::GetAccessTokenRequest& request_;
  v1::GetAccessTokenResponse& response_;
};

}  // namespace

grpc::ServerUnaryReactor* StartGetAccessToken(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetAccessTokenRequest& request,
    v1::GetAccessTokenResponse& response) {
  auto* call = new GetAccessTokenCall(services, context, request, response);
  call->Start();
  return call;
}

}  // namespace wxident

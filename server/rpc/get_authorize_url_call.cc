#include <utility>

#include "server/rpc/authorize_url.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class GetAuthorizeUrlCall final : public UnaryCall {
 public:
  GetAuthorizeUrlCall(const Services& services,
                      grpc::CallbackServerContext& context,
                      const v1::GetAuthorizeUrlRequest& request,
                      v1::GetAuthorizeUrlResponse& response)
      : UnaryCall(services, "GetAuthorizeUrl", context),
        request_(request),
        response_(response) {}

  void Start() override {
    absl::StatusOr<const App*> app =
        AppField(record_, "app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    absl::StatusOr<std::string> url = MakeAuthorizeUrl(**app, request_);
    if (!url.ok()) return Fail(url.status());
    response_.set_url(*std::move(url));
    Succeed();
  }

 private:
  const v1::GetAuthorizeUrlRequest& request_;
  v1::GetAuthorizeUrlResponse& response_;
};

}  // namespace

grpc::ServerUnaryReactor* StartGetAuthorizeUrl(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetAuthorizeUrlRequest& request,
    v1::GetAuthorizeUrlResponse& response) {
  auto* call = new GetAuthorizeUrlCall(services, context, request, response);
  call->Begin();
  return call;
}

}  // namespace wxident

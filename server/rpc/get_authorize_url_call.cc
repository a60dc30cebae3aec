#include <utility>

#include "server/rpc/authorize_url.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/unary_call.h"

namespace wxident {
namespace {

class GetAuthorizeUrlCall final
    : public UnaryCall<v1::GetAuthorizeUrlRequest,
                       v1::GetAuthorizeUrlResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<const App*> app =
        AppField(context_, "app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    absl::StatusOr<std::string> url = MakeAuthorizeUrl(**app, request_);
    if (!url.ok()) return Fail(url.status());
    response_.set_url(*std::move(url));
    Succeed();
  }
};

}  // namespace

RpcMethod GetAuthorizeUrlMethod(const Services& services) {
  return MethodOf<GetAuthorizeUrlCall>(services);
}

}  // namespace wxident

#include <utility>

#include "server/rpc/authorize_url.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class GetAuthorizeUrlCall final
    : public UnaryCall<v1::GetAuthorizeUrlRequest,
                       v1::GetAuthorizeUrlResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    const absl::StatusOr<AuthorizedApp> app =
        context_.AuthorizeApp("app_id", request_.app_id());
    if (!app.ok()) return Fail(app.status());
    absl::StatusOr<std::string> url = MakeAuthorizeUrl(**app, request_);
    if (!url.ok()) return Fail(url.status());
    response_.set_url(*std::move(url));
    Succeed(*app);
  }
};

template RpcMethod MethodOf<GetAuthorizeUrlCall>(const Services& services);

}  // namespace wxident

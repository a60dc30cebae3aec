#include <utility>

#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class DecryptUserDataCall final
    : public UnaryCall<v1::DecryptUserDataRequest,
                       v1::DecryptUserDataResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    absl::StatusOr<EncryptedData> data = EncryptedDataFields("", request_);
    if (!data.ok()) return Fail(data.status());
    FindKeys(*std::move(hash),
             [this, data = *std::move(data)](const AuthorizedKeys& keys) {
               OnKeys(keys, data);
             });
  }

 private:
  void OnKeys(const AuthorizedKeys& keys, const EncryptedData& data) {
    absl::StatusOr<OpenedData> opened =
        flows_.person.opener.Apply(keys, data, OpenData);
    if (!opened.ok()) return Fail(opened.status());
    response_.set_json(std::move(opened->json));
    Fill(opened->watermark_time, *response_.mutable_watermark_time());
    Succeed(keys);
  }
};

template RpcMethod MethodOf<DecryptUserDataCall>(const Services& services);

}  // namespace wxident

#include <utility>

#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/phone_code.h"
#include "server/rpc/unary_call.h"
#include "wxident/v1/identity_service.pb.h"

namespace wxident {

class DecryptPhoneCall final
    : public UnaryCall<v1::DecryptPhoneRequest, v1::DecryptPhoneResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    if (request_.has_encrypted()) return Decrypt(*std::move(hash));
    if (!request_.has_phone_code())
      return Fail(FieldError("source", "is required: encrypted or phone_code"));
    const absl::Status code = CodeField("phone_code", request_.phone_code());
    if (!code.ok()) return Fail(code);
    FindSession(*std::move(hash),
                [this](const AuthorizedPerson& person) { Exchange(person); });
  }

 private:
  void Decrypt(std::string hash) {
    absl::StatusOr<EncryptedData> data =
        EncryptedDataFields("encrypted", request_.encrypted());
    if (!data.ok()) return Fail(data.status());
    FindKeys(std::move(hash), [this, data = *std::move(data)](
                                  const AuthorizedKeys& keys) {
      flows_.person.phones.Decrypt(keys, data, deadline(), Answer(keys));
    });
  }

  void Exchange(const AuthorizedPerson& person) {
    const absl::Status fits = MiniProgramSession(*person.app());
    if (!fits.ok()) return Fail(fits);
    flows_.person.phones.Exchange(person, Secret(request_.phone_code()),
                                  deadline(), Answer(person));
  }

  Phones::GotPhone Answer(const Authorized& proof) {
    return [this, proof](absl::StatusOr<Phone> phone, Phones::CodeUse use) {
      phone = PhoneOfCode(std::move(phone), use);
      if (!phone.ok()) return Fail(phone.status(), RepeatAfter(use));
      Fill(*phone, *response_.mutable_phone());
      Fill(phone->watermark_time, *response_.mutable_watermark_time());
      Succeed(proof);
    };
  }
};

template RpcMethod MethodOf<DecryptPhoneCall>(const Services& services);

}  // namespace wxident

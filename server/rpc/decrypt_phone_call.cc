#include <optional>
#include <utility>

#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/open_data_fields.h"
#include "server/rpc/unary_call.h"
#include "server/wechat/open_data.h"

namespace wxident {
namespace {

class DecryptPhoneCall final : public UnaryCall {
 public:
  DecryptPhoneCall(const Services& services,
                   grpc::CallbackServerContext& context,
                   const v1::DecryptPhoneRequest& request,
                   v1::DecryptPhoneResponse& response)
      : UnaryCall(services, "DecryptPhone", context),
        request_(request),
        response_(response) {}

  void Start() {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    if (request_.source_case() != v1::DecryptPhoneRequest::kEncrypted)
      return Fail(FieldError("source", "is required: encrypted"));
    absl::StatusOr<OpenDataFields> fields =
        CheckOpenDataFields("encrypted", request_.encrypted().encrypted_data(),
                            request_.encrypted().iv());
    if (!fields.ok()) return Fail(fields.status());
    if (hash->empty()) return Fail(SessionNotActiveError());
    fields_ = *std::move(fields);
    services_.sessions.FindSessionWithKeys(
        *std::move(hash), deadline(),
        [this](absl::StatusOr<std::optional<SessionWithKeys>> session) {
          OnSession(std::move(session));
        });
  }

 private:
  void OnSession(absl::StatusOr<std::optional<SessionWithKeys>> session) {
    if (!session.ok()) return Fail(session.status());
    absl::StatusOr<const App*> app = CheckOpenDataSession(services_, *session);
    if (!app.ok()) return Fail(app.status());
    absl::StatusOr<Phone> phone =
        OpenPhone(MakeOpenDataInput(services_, fields_, **session));
    if (!phone.ok()) return Fail(phone.status());
    Fill(*phone, *response_.mutable_phone());
    Fill(phone->watermark_time, *response_.mutable_watermark_time());
    services_.profiles.SavePhone(
        (*session)->session.identity, (*app)->open_platform_account,
        *std::move(phone), deadline(),
        [this](absl::Status saved) { OnSaved(std::move(saved)); });
  }

  void OnSaved(absl::Status saved) {
    if (!saved.ok()) return Fail(saved);
    Succeed();
  }

  const v1::DecryptPhoneRequest& request_;
  v1::DecryptPhoneResponse& response_;
  OpenDataFields fields_;
};

}  // namespace

grpc::ServerUnaryReactor* StartDecryptPhone(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::DecryptPhoneRequest& request,
    v1::DecryptPhoneResponse& response) {
  auto* call = new DecryptPhoneCall(services, context, request, response);
  call->Start();
  return call;
}

}  // namespace wxident

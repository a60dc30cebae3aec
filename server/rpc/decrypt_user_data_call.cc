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

class DecryptUserDataCall final
    : public UnaryCall<v1::DecryptUserDataRequest,
                       v1::DecryptUserDataResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    absl::StatusOr<OpenDataFields> fields =
        CheckOpenDataFields("", request_.encrypted_data(), request_.iv());
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
    absl::StatusOr<const App*> app = CheckOpenDataSession(context_, *session);
    if (!app.ok()) return Fail(app.status());
    absl::StatusOr<OpenedData> opened =
        OpenWithinLimit(services_, fields_, **session, OpenData);
    if (!opened.ok()) return Fail(opened.status());
    response_.set_json(std::move(opened->json));
    Fill(opened->watermark_time, *response_.mutable_watermark_time());
    Succeed();
  }

  OpenDataFields fields_;
};

}  // namespace

RpcMethod DecryptUserDataMethod(const Services& services) {
  return MethodOf<DecryptUserDataCall>(services);
}

}  // namespace wxident

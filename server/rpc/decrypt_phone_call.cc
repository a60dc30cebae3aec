#include <optional>
#include <utility>

#include "server/identity/error.h"
#include "server/keeper/app_token_call.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/open_data_fields.h"
#include "server/rpc/unary_call.h"
#include "server/wechat/open_data.h"

namespace wxident {
namespace {

constexpr size_t kMaxCode = 512;

class DecryptPhoneCall final
    : public UnaryCall<v1::DecryptPhoneRequest, v1::DecryptPhoneResponse> {
 public:
  using UnaryCall::UnaryCall;

  void Start() override {
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    switch (request_.source_case()) {
      case v1::DecryptPhoneRequest::kEncrypted:
        return StartEncrypted(*std::move(hash));
      case v1::DecryptPhoneRequest::kPhoneCode:
        return StartCode(*std::move(hash));
      case v1::DecryptPhoneRequest::SOURCE_NOT_SET:
        return Fail(
            FieldError("source", "is required: encrypted or phone_code"));
    }
  }

 private:
  // Source encrypted: session and keys, open, save.

  void StartEncrypted(std::string hash) {
    absl::StatusOr<OpenDataFields> fields =
        CheckOpenDataFields("encrypted", request_.encrypted().encrypted_data(),
                            request_.encrypted().iv());
    if (!fields.ok()) return Fail(fields.status());
    if (hash.empty()) return Fail(SessionNotActiveError());
    fields_ = *std::move(fields);
    services_.sessions.FindSessionWithKeys(
        std::move(hash), deadline(),
        [this](absl::StatusOr<std::optional<SessionWithKeys>> session) {
          OnKeys(std::move(session));
        });
  }

  void OnKeys(absl::StatusOr<std::optional<SessionWithKeys>> session) {
    if (!session.ok()) return Fail(session.status());
    absl::StatusOr<const App*> app = CheckOpenDataSession(context_, *session);
    if (!app.ok()) return Fail(app.status());
    absl::StatusOr<Phone> phone =
        OpenWithinLimit(services_, fields_, **session, OpenPhone);
    if (!phone.ok()) return Fail(phone.status());
    Save(**app, (*session)->session.identity, *std::move(phone));
  }

  // Source phone_code: session, WeChat, save.

  void StartCode(std::string hash) {
    absl::Status checked =
        WechatIdField("phone_code", request_.phone_code(), kMaxCode);
    if (!checked.ok()) return Fail(checked);
    if (hash.empty()) return Fail(SessionNotActiveError());
    services_.sessions.FindSession(
        std::move(hash), deadline(),
        [this](absl::StatusOr<std::optional<Session>> session) {
          OnSession(std::move(session));
        });
  }

  void OnSession(absl::StatusOr<std::optional<Session>> session) {
    if (!session.ok()) return Fail(session.status());
    absl::StatusOr<const App*> app = MiniProgramOf(context_, *session);
    if (!app.ok()) return Fail(app.status());
    // The code works once.
    if (IsForNobody()) return GiveUp();
    identity_ = std::move((*session)->identity);
    CallWithAppToken<Phone>(
        services_.tokens, **app, "getuserphonenumber",
        [this, app = *app](const Secret& token, Done<Phone> done) {
          repeat_ = Repeat::kMaySpend;
          services_.wechat.GetPhoneNumber(
              *app, token, Secret(request_.phone_code()), identity_.openid,
              deadline(), std::move(done));
        },
        [this, app = *app](absl::StatusOr<Phone> phone) {
          OnPhone(*app, std::move(phone));
        });
  }

  void OnPhone(const App& app, absl::StatusOr<Phone> phone) {
    // WeChat compares the openid only here, and ours is right.
    if (HasReason(phone.status(), Reason::kRequestInvalid))
      return Fail(FieldError("phone_code", "is not one of this person's"));
    if (!phone.ok()) return Fail(phone.status(), repeat_);
    repeat_ = Repeat::kSpent;
    Save(app, std::move(identity_), *std::move(phone));
  }

  void Save(const App& app, Identity identity, Phone phone) {
    Fill(phone, *response_.mutable_phone());
    Fill(phone.watermark_time, *response_.mutable_watermark_time());
    services_.profiles.SavePhone(
        std::move(identity), app.open_platform_account, std::move(phone),
        deadline(), [this](absl::Status saved) { OnSaved(std::move(saved)); });
  }

  void OnSaved(absl::Status saved) {
    if (!saved.ok()) return Fail(saved, repeat_);
    Succeed();
  }

  OpenDataFields fields_;
  Identity identity_;
  // What has become of a phone_code. Until it is sent, errors are of the
  // access_token alone.
  Repeat repeat_ = Repeat::kSafe;
};

}  // namespace

RpcMethod DecryptPhoneMethod(const Services& services) {
  return MethodOf<DecryptPhoneCall>(services);
}

}  // namespace wxident

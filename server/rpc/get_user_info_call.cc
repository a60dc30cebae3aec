#include <optional>
#include <string>
#include <utility>

#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"
#include "server/rpc/open_data_fields.h"
#include "server/rpc/unary_call.h"
#include "server/wechat/open_data.h"

namespace wxident {
namespace {

constexpr size_t kMaxRawData = 16 * 1024;
constexpr size_t kSignatureSize = 40;

class GetUserInfoCall final : public UnaryCall {
 public:
  GetUserInfoCall(const Services& services,
                  grpc::CallbackServerContext& context,
                  const v1::GetUserInfoRequest& request,
                  v1::GetUserInfoResponse& response)
      : UnaryCall(services, "GetUserInfo", context),
        request_(request),
        response_(response) {}

  void Start() {
    const std::string& language = request_.language();
    if (!language.empty() && language != "zh_CN" && language != "zh_TW" &&
        language != "en")
      return Fail(FieldError("language", "must be zh_CN, zh_TW or en"));
    switch (request_.source_case()) {
      case v1::GetUserInfoRequest::kEncryptedProfile:
        return StartEncrypted();
      case v1::GetUserInfoRequest::kStored:
        return StartStored();
      case v1::GetUserInfoRequest::SOURCE_NOT_SET:
        return Fail(
            FieldError("source", "is required: encrypted_profile or stored"));
    }
  }

 private:
  // Source encrypted_profile: session and keys, open, save.

  void StartEncrypted() {
    if (request_.subject_case() != v1::GetUserInfoRequest::kSessionToken)
      return Fail(FieldError(
          "subject", "must be session_token with source encrypted_profile"));
    absl::StatusOr<std::string> hash =
        SessionTokenField("session_token", request_.session_token());
    if (!hash.ok()) return Fail(hash.status());
    absl::Status checked = CheckEncryptedFields();
    if (!checked.ok()) return Fail(checked);
    if (hash->empty()) return Fail(SessionNotActiveError());
    services_.sessions.FindSessionWithKeys(
        *std::move(hash), deadline(),
        [this](absl::StatusOr<std::optional<SessionWithKeys>> session) {
          OnSession(std::move(session));
        });
  }

  absl::Status CheckEncryptedFields() {
    const v1::EncryptedProfile& profile = request_.encrypted_profile();
    WX_ASSIGN_OR_RETURN(
        fields_, CheckOpenDataFields("encrypted_profile",
                                     profile.encrypted_data(), profile.iv()));
    if (profile.raw_data().empty() != profile.signature().empty())
      return FieldError("encrypted_profile.signature",
                        "and raw_data go together: give both or none");
    if (profile.raw_data().size() > kMaxRawData)
      return FieldError("encrypted_profile.raw_data",
                        "is longer than 16384 bytes");
    if (!profile.signature().empty() &&
        profile.signature().size() != kSignatureSize)
      return FieldError("encrypted_profile.signature", "must be 40 hex digits");
    return absl::OkStatus();
  }

  void OnSession(absl::StatusOr<std::optional<SessionWithKeys>> session) {
    if (!session.ok()) return Fail(session.status());
    absl::StatusOr<const App*> app = CheckOpenDataSession(services_, *session);
    if (!app.ok()) return Fail(app.status());
    Identity identity = (*session)->session.identity;
    const v1::EncryptedProfile& given = request_.encrypted_profile();
    absl::StatusOr<OpenedProfile> opened =
        OpenProfile(MakeOpenDataInput(services_, fields_, **session),
                    {.openid = identity.openid,
                     .raw_data = given.raw_data(),
                     .signature = given.signature()});
    if (!opened.ok()) return Fail(opened.status());

    if (!opened->unionid.empty()) identity.unionid = opened->unionid;
    FillProfile(identity, opened->profile);
    services_.profiles.SaveProfile(
        std::move(identity), (*app)->open_platform_account,
        std::move(opened->profile), deadline(),
        [this](absl::StatusOr<User> user) { OnSaved(std::move(user)); });
  }

  void OnSaved(absl::StatusOr<User> user) {
    if (!user.ok()) return Fail(user.status());
    Fill(*user, *response_.mutable_user());
    Succeed();
  }

  // Source stored: one look-up.

  void StartStored() {
    absl::StatusOr<ProfileQuery> query = StoredQuery();
    if (!query.ok()) return Fail(query.status());
    services_.profiles.FindProfile(
        *std::move(query), deadline(),
        [this](absl::StatusOr<std::optional<StoredProfile>> found) {
          OnFound(std::move(found));
        });
  }

  absl::StatusOr<ProfileQuery> StoredQuery() {
    switch (request_.subject_case()) {
      case v1::GetUserInfoRequest::kSessionToken: {
        WX_ASSIGN_OR_RETURN(
            std::string hash,
            SessionTokenField("session_token", request_.session_token()));
        if (hash.empty()) return SessionNotActiveError();
        return BySession{std::move(hash)};
      }
      case v1::GetUserInfoRequest::kIdentityRef: {
        const v1::IdentityRef& ref = request_.identity_ref();
        WX_RETURN_IF_ERROR(IdentityRefField(services_, "identity_ref", ref));
        return ByOpenid{ref.app_id(), ref.openid()};
      }
      case v1::GetUserInfoRequest::SUBJECT_NOT_SET:
        break;
    }
    return FieldError("subject", "is required: session_token or identity_ref");
  }

  void OnFound(absl::StatusOr<std::optional<StoredProfile>> found) {
    if (!found.ok()) return Fail(found.status());
    if (!found->has_value()) {
      if (request_.has_session_token()) return Fail(SessionNotActiveError());
      return Fail(Error(Reason::kUserNotFound,
                        "no user has this identity_ref; it has never logged in")
                      .ToStatus());
    }
    const StoredProfile& stored = **found;
    if (!stored.profile.has_value())
      return Fail(Error(Reason::kProfileNotFound,
                        "no profile has been stored for this identity; bring "
                        "one with source encrypted_profile first")
                      .ToStatus());
    FillProfile(stored.identity, *stored.profile);
    Fill(stored.user, *response_.mutable_user());
    Succeed();
  }

  void FillProfile(const Identity& identity, const Profile& profile) {
    Fill(profile, *response_.mutable_user_info());
    Fill(identity, *response_.mutable_identity());
    response_.set_source(ToMessage(profile.source));
    Fill(profile.fetched_at, *response_.mutable_fetch_time());
  }

  const v1::GetUserInfoRequest& request_;
  v1::GetUserInfoResponse& response_;
  OpenDataFields fields_;
};

}  // namespace

grpc::ServerUnaryReactor* StartGetUserInfo(
    const Services& services, grpc::CallbackServerContext& context,
    const v1::GetUserInfoRequest& request, v1::GetUserInfoResponse& response) {
  auto* call = new GetUserInfoCall(services, context, request, response);
  call->Start();
  return call;
}

}  // namespace wxident

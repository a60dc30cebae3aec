// GetUserInfo without WeChat: what the caller brings, or what is stored.

#include <optional>
#include <string>
#include <utility>

#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/rpc/fields.h"
#include "server/rpc/get_user_info_call.h"
#include "server/rpc/messages.h"
#include "server/wechat/open_data.h"

namespace wxident {
namespace {

constexpr size_t kMaxRawData = 16 * 1024;
constexpr size_t kSignatureSize = 40;

}  // namespace

// Source encrypted_profile: session and keys, open, save.

void GetUserInfoCall::StartEncrypted() {
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
        OnKeys(std::move(session));
      });
}

absl::Status GetUserInfoCall::CheckEncryptedFields() {
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

void GetUserInfoCall::OnKeys(
    absl::StatusOr<std::optional<SessionWithKeys>> session) {
  if (!session.ok()) return Fail(session.status());
  absl::StatusOr<const App*> app = CheckOpenDataSession(context_, *session);
  if (!app.ok()) return Fail(app.status());
  Identity identity = (*session)->session.identity;
  const v1::EncryptedProfile& given = request_.encrypted_profile();
  const ProfileProof proof{.openid = identity.openid,
                           .raw_data = given.raw_data(),
                           .signature = given.signature()};
  absl::StatusOr<OpenedProfile> opened = OpenWithinLimit(
      services_, fields_, **session,
      [&](const OpenDataInput& input) { return OpenProfile(input, proof); });
  if (!opened.ok()) return Fail(opened.status());

  if (!opened->unionid.empty()) identity.unionid = opened->unionid;
  FillAnswer(identity, opened->profile);
  services_.profiles.SaveProfile(
      std::move(identity), (*app)->open_platform_account,
      std::move(opened->profile), deadline(),
      [this](absl::StatusOr<User> user) { OnSaved(std::move(user)); });
}

// Source stored: one look-up.

void GetUserInfoCall::StartStored() {
  absl::StatusOr<ProfileQuery> query = Subject();
  if (!query.ok()) return Fail(query.status());
  services_.profiles.FindProfile(
      *std::move(query), deadline(),
      [this](absl::StatusOr<std::optional<StoredProfile>> found) {
        OnStored(std::move(found));
      });
}

void GetUserInfoCall::OnStored(
    absl::StatusOr<std::optional<StoredProfile>> found) {
  if (!found.ok()) return Fail(found.status());
  if (!found->has_value()) {
    if (request_.has_session_token()) return Fail(SessionNotActiveError());
    return Fail(IdentityUnknownError());
  }
  const StoredProfile& stored = **found;
  const absl::Status allowed = Allow(stored.identity.app_id);
  if (!allowed.ok()) return Fail(allowed);
  SetSubject(stored.identity.openid);
  if (!stored.profile.has_value())
    return Fail(Error(Reason::kProfileNotFound,
                      "no profile has been stored for this identity; get "
                      "one from another source first")
                    .ToStatus());
  FillAnswer(stored.identity, *stored.profile);
  Fill(stored.user, *response_.mutable_user());
  Succeed();
}

}  // namespace wxident

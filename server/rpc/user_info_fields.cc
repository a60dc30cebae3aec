#include "server/rpc/user_info_fields.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "server/base/status_macros.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"

namespace wxident {
namespace {

constexpr size_t kMaxRawData = 16 * 1024;
constexpr size_t kSignatureSize = 40;

absl::Status CheckSource(const v1::GetUserInfoRequest& request) {
  const std::string& language = request.language();
  if (!language.empty() && language != "zh_CN" && language != "zh_TW" &&
      language != "en")
    return FieldError("language", "must be zh_CN, zh_TW or en");
  if (request.source_case() == v1::GetUserInfoRequest::SOURCE_NOT_SET)
    return FieldError("source",
                      "is required: encrypted_profile, stored, oauth or "
                      "follower");
  if (request.has_encrypted_profile() && !request.has_session_token())
    return FieldError("subject",
                      "must be session_token with source encrypted_profile");
  return absl::OkStatus();
}

absl::StatusOr<StoredUserInfo::Encrypted> EncryptedFields(
    const v1::EncryptedProfile& profile) {
  StoredUserInfo::Encrypted encrypted{
      {}, profile.raw_data(), profile.signature()};
  WX_ASSIGN_OR_RETURN(encrypted.data,
                      EncryptedDataFields("encrypted_profile", profile));
  if (profile.raw_data().empty() != profile.signature().empty())
    return FieldError("encrypted_profile.signature",
                      "and raw_data go together: give both or none");
  if (profile.raw_data().size() > kMaxRawData)
    return FieldError("encrypted_profile.raw_data",
                      "is longer than 16384 bytes");
  if (!profile.signature().empty() &&
      profile.signature().size() != kSignatureSize)
    return FieldError("encrypted_profile.signature", "must be 40 hex digits");
  return encrypted;
}

absl::Status CheckFollowersApp(const App& app, absl::string_view path) {
  if (app.kind != AppKind::kOfficialAccount)
    return FieldError(path,
                      "must be of an official account with source follower");
  return absl::OkStatus();
}

absl::StatusOr<UserInfoSubject> PersonFields(
    const v1::GetUserInfoRequest& request, RpcContext& context) {
  const v1::IdentityRef& ref = request.identity_ref();
  WX_ASSIGN_OR_RETURN(
      const AuthorizedPerson person,
      context.AuthorizePerson("identity_ref", ref.app_id(), ref.openid()));
  const App& app = *person.app();
  if (request.has_follower())
    WX_RETURN_IF_ERROR(CheckFollowersApp(app, "identity_ref.app_id"));
  if (request.has_oauth() && app.kind == AppKind::kMiniProgram)
    return FieldError("identity_ref.app_id",
                      "must be of an official account, website or mobile app "
                      "with source oauth");
  return UserInfoSubject{ByOpenid{ref.app_id(), ref.openid()}, person, {}};
}

}  // namespace

absl::StatusOr<UserInfoSubject> UserInfoSubjectFields(
    const v1::GetUserInfoRequest& request, RpcContext& context) {
  WX_RETURN_IF_ERROR(CheckSource(request));
  if (request.has_identity_ref()) return PersonFields(request, context);
  if (!request.has_session_token())
    return FieldError("subject", "is required: session_token or identity_ref");
  WX_ASSIGN_OR_RETURN(
      std::string hash,
      SessionTokenField("session_token", request.session_token()));
  UserInfoSubject subject;
  if (request.has_encrypted_profile()) {
    WX_ASSIGN_OR_RETURN(subject.encrypted,
                        EncryptedFields(request.encrypted_profile()));
  }
  if (hash.empty()) return SessionNotActiveError();
  subject.query = BySession{std::move(hash)};
  return subject;
}

std::string Language(const v1::GetUserInfoRequest& request) {
  return request.language().empty() ? "zh_CN" : request.language();
}

absl::StatusOr<AuthorizedPerson> AuthorizeFollower(const Identity& identity,
                                                   RpcContext& context) {
  WX_ASSIGN_OR_RETURN(AuthorizedPerson person,
                      context.AuthorizePerson(identity));
  WX_RETURN_IF_ERROR(CheckFollowersApp(*person.app(), "session_token"));
  return person;
}

void Fill(const UserInfo& info, v1::GetUserInfoResponse& message) {
  Fill(info.user, *message.mutable_user());
  Fill(info.profile, *message.mutable_user_info());
  Fill(info.identity, *message.mutable_identity());
  message.set_source(ToMessage(info.profile.source));
  Fill(info.profile.fetched_at, *message.mutable_fetch_time());
}

}  // namespace wxident

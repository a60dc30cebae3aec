#include "server/rpc/get_user_info_call.h"

#include <utility>

#include "server/base/status_macros.h"
#include "server/rpc/calls.h"
#include "server/rpc/fields.h"
#include "server/rpc/messages.h"

namespace wxident {

void GetUserInfoCall::Start() {
  const absl::Status checked = CheckRequest();
  if (!checked.ok()) return Fail(checked);
  if (request_.has_oauth() || request_.has_follower()) return StartFetched();
  if (request_.has_encrypted_profile()) return StartEncrypted();
  StartStored();
}

absl::Status GetUserInfoCall::CheckRequest() const {
  const std::string& language = request_.language();
  if (!language.empty() && language != "zh_CN" && language != "zh_TW" &&
      language != "en")
    return FieldError("language", "must be zh_CN, zh_TW or en");
  if (request_.source_case() == v1::GetUserInfoRequest::SOURCE_NOT_SET)
    return FieldError("source",
                      "is required: encrypted_profile, stored, oauth or "
                      "follower");
  return absl::OkStatus();
}

absl::StatusOr<ProfileQuery> GetUserInfoCall::Subject() {
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
      WX_RETURN_IF_ERROR(IdentityRefField(context_, "identity_ref", ref));
      return ByOpenid{ref.app_id(), ref.openid()};
    }
    case v1::GetUserInfoRequest::SUBJECT_NOT_SET:
      break;
  }
  return FieldError("subject", "is required: session_token or identity_ref");
}

void GetUserInfoCall::FillAnswer(const Identity& identity,
                                 const Profile& profile) {
  Fill(profile, *response_.mutable_user_info());
  Fill(identity, *response_.mutable_identity());
  response_.set_source(ToMessage(profile.source));
  Fill(profile.fetched_at, *response_.mutable_fetch_time());
}

void GetUserInfoCall::OnSaved(absl::StatusOr<User> user) {
  if (!user.ok()) return Fail(user.status());
  Fill(*user, *response_.mutable_user());
  Succeed();
}

RpcMethod GetUserInfoMethod(const Services& services) {
  return MethodOf<GetUserInfoCall>(services);
}

}  // namespace wxident

#include "server/rpc/messages.h"

#include <string>

#include "server/identity/error.h"
#include "server/rpc/status.h"

namespace wxident {

void Fill(const User& user, v1::User& message) {
  message.set_user_id(user.user_id);
  Fill(user.created_at, *message.mutable_create_time());
  message.set_phone_linked(user.phone_linked);
}

void Fill(const Identity& identity, v1::Identity& message) {
  message.set_app_id(identity.app_id);
  message.set_openid(identity.openid);
  message.set_unionid(identity.unionid);
}

void Fill(const Session& session, v1::Session& message) {
  Fill(session.user, *message.mutable_user());
  Fill(session.identity, *message.mutable_identity());
  Fill(session.created_at, *message.mutable_create_time());
  Fill(session.expires_at, *message.mutable_expire_time());
}

void Fill(const Phone& phone, v1::Phone& message) {
  message.set_phone_number(phone.phone_number.Expose());
  message.set_pure_phone_number(phone.pure_phone_number.Expose());
  message.set_country_code(phone.country_code);
}

void Fill(const Profile& profile, v1::UserInfo& message) {
  message.set_nickname(profile.nickname);
  message.set_avatar_url(profile.avatar_url);
  switch (profile.gender) {
    case Gender::kUnspecified:
      message.set_gender(v1::GENDER_UNSPECIFIED);
      break;
    case Gender::kMale:
      message.set_gender(v1::GENDER_MALE);
      break;
    case Gender::kFemale:
      message.set_gender(v1::GENDER_FEMALE);
      break;
  }
  message.set_language(profile.language);
  message.set_country(profile.country);
  message.set_province(profile.province);
  message.set_city(profile.city);
  message.mutable_privileges()->Assign(profile.privileges.begin(),
                                       profile.privileges.end());
  message.set_subscribe(profile.subscribe);
  if (profile.subscribed_at != absl::InfinitePast())
    Fill(profile.subscribed_at, *message.mutable_subscribe_time());
  message.set_subscribe_scene(profile.subscribe_scene);
  message.set_qr_scene(profile.qr_scene);
  message.set_qr_scene_str(profile.qr_scene_str);
  message.set_remark(profile.remark);
  message.set_group_id(profile.group_id);
  message.mutable_tag_ids()->Assign(profile.tag_ids.begin(),
                                    profile.tag_ids.end());
}

void Fill(const absl::Status& error, v1::ItemError& message) {
  const ErrorDetails details = DetailsOf(error);
  message.set_reason(std::string(ReasonName(details.reason)));
  message.set_message(PublicMessage(error));
  message.set_errcode(details.Fact("errcode"));
}

void Fill(absl::Time time, google::protobuf::Timestamp& message) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  message.set_seconds(seconds);
  message.set_nanos(static_cast<int32_t>(
      (time - absl::FromUnixSeconds(seconds)) / absl::Nanoseconds(1)));
}

v1::UserInfoSource ToMessage(ProfileSource source) {
  switch (source) {
    case ProfileSource::kEncryptedProfile:
      return v1::USER_INFO_SOURCE_ENCRYPTED_PROFILE;
    case ProfileSource::kOauth:
      return v1::USER_INFO_SOURCE_OAUTH;
    case ProfileSource::kFollower:
      return v1::USER_INFO_SOURCE_FOLLOWER;
  }
  return v1::USER_INFO_SOURCE_UNSPECIFIED;
}

}  // namespace wxident

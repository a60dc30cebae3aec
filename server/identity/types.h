#ifndef WXIDENT_SERVER_IDENTITY_TYPES_H_
#define WXIDENT_SERVER_IDENTITY_TYPES_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/crypto/secret.h"

namespace wxident {

// How one app sees a person.
struct Identity {
  std::string app_id;
  std::string openid;
  // Empty while WeChat has not told it.
  std::string unionid;
};

// One person across all apps of an Open Platform account.
struct User {
  // A UUID, lower case.
  std::string user_id;
  absl::Time created_at;
  // Whether a phone is stored of one of the identities that this comes with:
  // those that are listed, or the user's in the app of a session or identity.
  // What one app has learned is no other app's to know.
  bool phone_linked = false;
};

struct UserWithIdentities {
  User user;
  // In the order they appeared.
  std::vector<Identity> identities;
  // Those in whose apps a phone of the user is stored.
  std::set<std::string> apps_with_phone;
};

// A login state of ours.
struct Session {
  User user;
  Identity identity;
  absl::Time created_at;
  absl::Time expires_at;
};

// A phone number that WeChat has verified.
struct Phone {
  // As WeChat writes it: with the country code where the number is foreign.
  Secret phone_number;
  // Without the country code.
  Secret pure_phone_number;
  // Digits without '+'.
  std::string country_code;
  // When WeChat encrypted it.
  absl::Time watermark_time;
};

enum class Gender { kUnspecified = 0, kMale = 1, kFemale = 2 };

enum class ProfileSource { kEncryptedProfile = 1, kOauth = 2, kFollower = 3 };

// What WeChat told about a person.
struct Profile {
  std::string nickname;
  std::string avatar_url;
  Gender gender = Gender::kUnspecified;
  std::string language;
  std::string country;
  std::string province;
  std::string city;
  // WeChat's privilege marks.
  std::vector<std::string> privileges;
  // The next ones come from kFollower alone.
  bool subscribe = false;
  // InfinitePast when WeChat did not tell.
  absl::Time subscribed_at = absl::InfinitePast();
  std::string subscribe_scene;
  int64_t qr_scene = 0;
  std::string qr_scene_str;
  std::string remark;
  int64_t group_id = 0;
  std::vector<int64_t> tag_ids;
  ProfileSource source = ProfileSource::kEncryptedProfile;
  // When WeChat made it.
  absl::Time fetched_at;
};

// What a person authorised on one of WeChat's web pages.
struct OauthGrant {
  Secret access_token;
  absl::Time access_expires_at;
  Secret refresh_token;
  // WeChat does not renew it (wechat-api 0.5): 30 days, 180 for mobile apps.
  absl::Time refresh_expires_at;
  // Comma-separated: "snsapi_base", "snsapi_userinfo", "snsapi_login".
  std::string scope;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_IDENTITY_TYPES_H_

#ifndef WXIDENT_SIMULATOR_USERS_H_
#define WXIDENT_SIMULATOR_USERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "simulator/apps.h"
#include "simulator/json.h"
#include "simulator/maker.h"
#include "simulator/settings.h"

namespace wxident::simulator {

struct Phone {
  // Without the country code.
  std::string number;
  std::string country_code;
};

// What belongs to a person whatever app is used.
struct Person {
  Phone phone;
  // nickName, gender, language, city, province, country, avatarUrl.
  Json profile;
  // A high-risk user: logins answer 40226.
  bool blocked = false;
};

// What an official account knows of one of its users.
struct Follower {
  bool subscribe = false;
  // When they last began to follow.
  absl::Time since;
  std::string scene = "ADD_SCENE_QR_CODE";
  int64_t qr_scene = 0;
  std::string qr_scene_str;
  std::string remark;
  int64_t group_id = 0;
  std::vector<int64_t> tag_ids;
};

// One person in one app. Counters say which of the values that Maker makes
// come next.
struct Member {
  std::string user;
  std::string openid;

  std::string session_key;
  absl::Time key_issued_at;
  absl::Time key_expires_at;
  // A key that no exchange has given out yet is not rotated away.
  bool key_given = false;
  absl::Time last_reset_at = absl::InfinitePast();

  Follower follower;
  // Sees the app's pages as a snapshot, and is nobody there.
  bool snapshot = false;

  uint64_t session_keys = 0;
  uint64_t ivs = 0;
  uint64_t login_codes = 0;
  uint64_t phone_codes = 0;
  uint64_t oauth_codes = 0;
  uint64_t virtual_openids = 0;
};

// The people, by the names that the control API gives them. Not thread-safe.
class Users {
 public:
  // `maker` and `settings` must outlive this.
  Users(const Maker& maker, const Settings& settings)
      : maker_(maker), settings_(settings) {}

  // The user in the app; made up when new.
  Member& Ensure(const App& app, const std::string& user, absl::Time now);

  // nullptr when the app does not know the user.
  const Member* Find(const std::string& app_id, const std::string& user) const;

  // nullptr when no user of the app has the openid.
  Member* FindByOpenid(const std::string& app_id, const std::string& openid);

  // Known after Ensure().
  Person& PersonOf(const std::string& user) { return people_.at(user); }

  // Empty when the app is bound to no Open Platform account.
  std::string UnionId(const App& app, const std::string& user) const;

  // kInvalidArgument when another user has it, or for a unionid when the app is
  // bound to no account.
  absl::Status SetOpenid(const std::string& app_id, Member& member,
                         const std::string& openid);
  absl::Status SetUnionId(const App& app, const std::string& user,
                          const std::string& unionid);

  // A key that counts as new and not given out.
  void SetSessionKey(Member& member, std::string key, absl::Time now);

  // What a code exchange does: the key that is valid from now on.
  const std::string& Exchange(const std::string& app_id, Member& member,
                              absl::Time now);

  // A new key with the old one's expiry.
  const std::string& ResetSessionKey(const std::string& app_id, Member& member,
                                     absl::Time now);

  // At most `limit`, in order.
  std::vector<std::string> Names(size_t limit) const;

  // Every value that has been made, or is given now, for the people.
  std::vector<std::string> AllPhoneNumbers() const;
  std::vector<std::string> AllOpenids() const;
  std::vector<std::string> AllUnionids(const Apps& apps) const;
  std::vector<std::string> AllSessionKeys() const;

  size_t people() const { return people_.size(); }
  size_t CountMembers(const std::string& app_id) const;

 private:
  struct AppUsers {
    std::unordered_map<std::string, Member> by_user;
    // openid -> user.
    std::unordered_map<std::string, std::string> by_openid;
  };

  std::string NextSessionKey(const std::string& app_id, Member& member);

  const Maker& maker_;
  const Settings& settings_;
  std::unordered_map<std::string, Person> people_;
  std::map<std::string, AppUsers> by_app_;
  // Unionids that were given rather than made, by account then user.
  std::map<std::string, std::map<std::string, std::string>> given_unionids_;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_USERS_H_

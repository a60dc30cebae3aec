#include "server/person/live_user_info.h"

#include <utility>

#include "server/keeper/app_token_call.h"
#include "server/person/follower_refresh.h"

namespace wxident {

void LiveUserInfo::FetchByGrant(const AuthorizedApp& app, ProfileQuery query,
                                std::string language, Deadline deadline,
                                Done<UserInfo> done) {
  grants_.FetchProfile(
      std::move(query), std::move(language), deadline,
      [this, app, deadline, done = std::move(done)](
          absl::StatusOr<OauthGrants::OauthProfile> fetched) mutable {
        if (!fetched.ok()) return std::move(done)(fetched.status());
        SaveUserInfo(profiles_, app, std::move(fetched->identity),
                     std::move(fetched->profile), deadline, std::move(done));
      });
}

// One person on the way.
struct LiveUserInfo::Follower {
  AuthorizedPerson person;
  User user;
  std::string language;
  Deadline deadline;
  Done<UserInfo> done;
};

void LiveUserInfo::FetchFollower(const AuthorizedPerson& person, User user,
                                 std::string language, Deadline deadline,
                                 Done<UserInfo> done) {
  auto follower = std::make_shared<Follower>(Follower{
      person, std::move(user), std::move(language), deadline, std::move(done)});
  CallWithAppToken<FetchedProfile>(
      tokens_, *person.app(), "user_info", deadline,
      [this, follower](const Secret& token, Done<FetchedProfile> done) {
        wechat_.GetFollower(
            *follower->person.app(), token, follower->person.identity().openid,
            follower->language, follower->deadline, std::move(done));
      },
      [this, follower](absl::StatusOr<FetchedProfile> fetched) {
        OnFollower(follower, std::move(fetched));
      });
}

void LiveUserInfo::OnFollower(const std::shared_ptr<Follower>& follower,
                              absl::StatusOr<FetchedProfile> fetched) {
  if (!fetched.ok()) return std::move(follower->done)(fetched.status());
  Identity identity = follower->person.identity();
  const absl::StatusOr<bool> follows = LearnFollower(*fetched, identity);
  if (!follows.ok()) return std::move(follower->done)(follows.status());
  if (!*follows)
    return std::move(follower->done)(UserInfo{std::move(follower->user),
                                              std::move(identity),
                                              std::move(fetched->profile)});
  SaveUserInfo(profiles_, follower->person.app(), std::move(identity),
               std::move(fetched->profile), follower->deadline,
               std::move(follower->done));
}

}  // namespace wxident

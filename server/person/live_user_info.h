#ifndef WXIDENT_SERVER_PERSON_LIVE_USER_INFO_H_
#define WXIDENT_SERVER_PERSON_LIVE_USER_INFO_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/identity/authorized.h"
#include "server/identity/types.h"
#include "server/keeper/token_manager.h"
#include "server/person/user_info.h"
#include "server/session/oauth_grants.h"
#include "server/store/profile_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Profiles by asking WeChat, which are stored then. `language` is zh_CN, zh_TW
// or en. Thread-safe.
class LiveUserInfo {
 public:
  // All must outlive it and its calls.
  LiveUserInfo(OauthGrants& grants, TokenManager& tokens, WechatApi& wechat,
               ProfileStore& profiles)
      : grants_(grants),
        tokens_(tokens),
        wechat_(wechat),
        profiles_(profiles) {}

  // Asks with the token of the person's web grant. `query` is about one of the
  // people of `app`. Errors: those of OauthGrants::FetchProfile and of the
  // store.
  void FetchByGrant(const AuthorizedApp& app, ProfileQuery query,
                    std::string language, Deadline deadline,
                    Done<UserInfo> done);

  // Asks an official account about `person`, who is `user`. Of who does not
  // follow WeChat tells nothing, and nothing is stored. Errors: those of
  // TokenManager::Get, WechatApi::GetFollower and of the store.
  void FetchFollower(const AuthorizedPerson& person, User user,
                     std::string language, Deadline deadline,
                     Done<UserInfo> done);

 private:
  struct Follower;

  void OnFollower(const std::shared_ptr<Follower>& follower,
                  absl::StatusOr<FetchedProfile> fetched);

  OauthGrants& grants_;
  TokenManager& tokens_;
  WechatApi& wechat_;
  ProfileStore& profiles_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_LIVE_USER_INFO_H_

#ifndef WXIDENT_SERVER_PERSON_FOLLOWER_REFRESH_H_
#define WXIDENT_SERVER_PERSON_FOLLOWER_REFRESH_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/identity/apps.h"
#include "server/identity/authorized.h"
#include "server/identity/types.h"
#include "server/keeper/token_manager.h"
#include "server/store/profile_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// WeChat's answer about one of an official account's people, of whom `identity`
// is known. True: it has a profile to store, and `identity` has the unionid
// that came with it. False: the person does not follow, and WeChat told
// nothing.
absl::StatusOr<bool> LearnFollower(const FetchedProfile& fetched,
                                   Identity& identity);

// Why WeChat told nothing of an openid.
using RefreshFailures =
    std::map<std::pair<const App*, std::string>, absl::Status>;

// Asks WeChat about known identities of official accounts, and stores what it
// tells: the openids of one app after the other, and of an app
// WechatApi::kMostFollowers with each call. Where WeChat refuses many for one
// that is not of the app, halves are asked for until that one is found, within
// a bound of 100 such calls; what it then still refuses fails together.
// What it works with must outlive it. Errors: the store's, with what came
// before stored.
void RefreshFollowers(TokenManager& tokens, WechatApi& wechat,
                      ProfileStore& profiles,
                      const std::vector<AuthorizedPerson>& people,
                      Deadline deadline, Done<RefreshFailures> done);

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_FOLLOWER_REFRESH_H_

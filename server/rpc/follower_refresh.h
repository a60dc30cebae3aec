#ifndef WXIDENT_SERVER_RPC_FOLLOWER_REFRESH_H_
#define WXIDENT_SERVER_RPC_FOLLOWER_REFRESH_H_

#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/identity/apps.h"
#include "server/identity/types.h"
#include "server/rpc/services.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// WeChat's answer about one of an official account's people, of whom `identity`
// is known. True: it has a profile to store, and `identity` has the unionid
// that came with it. False: the person does not follow, and WeChat told
// nothing.
absl::StatusOr<bool> LearnFollower(const FetchedProfile& fetched,
                                   Identity& identity);

// Asks WeChat about known identities of official accounts, and stores what it
// tells: the openids of one app after the other, and of an app
// WechatApi::kMostFollowers with each call. `services` and the apps must
// outlive it. Ends at the first error, with what came before it stored;
// REQUEST_INVALID of identity_refs when WeChat does not know an openid.
void RefreshFollowers(
    const Services& services,
    const std::map<const App*, std::set<std::string>>& openids,
    Deadline deadline, DoneStatus done);

}  // namespace wxident

#endif  // WXIDENT_SERVER_RPC_FOLLOWER_REFRESH_H_

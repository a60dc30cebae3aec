#ifndef WXIDENT_SERVER_PERSON_PERSON_FLOWS_H_
#define WXIDENT_SERVER_PERSON_PERSON_FLOWS_H_

#include <functional>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/base/wall_clocks.h"
#include "server/identity/authorized.h"
#include "server/keeper/token_manager.h"
#include "server/person/data_opener.h"
#include "server/person/follower_refresh.h"
#include "server/person/live_user_info.h"
#include "server/person/phones.h"
#include "server/person/session_key_check.h"
#include "server/person/stored_user_info.h"
#include "server/person/user_data.h"
#include "server/session/oauth_grants.h"
#include "server/store/identity_store.h"
#include "server/store/profile_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// What this folder does, made of the parts that it needs. Thread-safe.
class PersonFlows {
 public:
  // All must outlive the flows and their calls.
  struct Parts {
    TokenManager& tokens;
    WechatApi& wechat;
    OauthGrants& grants;
    IdentityStore& identities;
    ProfileStore& profiles;
    Clock& clock;
    WallClocks& wall_clocks;
    // See DataOpener and UserData.
    absl::Duration open_data_max_age;
    std::function<void()> forget_sessions;
  };

  explicit PersonFlows(const Parts& parts)
      : opener(parts.clock, parts.wall_clocks, parts.open_data_max_age),
        phones(opener, parts.tokens, parts.wechat, parts.profiles),
        stored_user_info(opener, parts.profiles),
        live_user_info(parts.grants, parts.tokens, parts.wechat,
                       parts.profiles),
        user_data(parts.identities, parts.forget_sessions),
        parts_(parts) {}

  // See follower_refresh.h.
  void RefreshFollowers(const std::vector<AuthorizedPerson>& people,
                        Deadline deadline, Done<RefreshFailures> done) {
    wxident::RefreshFollowers(parts_.tokens, parts_.wechat, parts_.profiles,
                              people, deadline, std::move(done));
  }
  // See session_key_check.h.
  void CheckSessionKey(const AuthorizedKeys& keys, Deadline deadline,
                       Done<bool> done) {
    wxident::CheckSessionKey(parts_.tokens, parts_.wechat, keys, deadline,
                             std::move(done));
  }

  DataOpener opener;
  Phones phones;
  StoredUserInfo stored_user_info;
  LiveUserInfo live_user_info;
  UserData user_data;

 private:
  const Parts parts_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_PERSON_FLOWS_H_

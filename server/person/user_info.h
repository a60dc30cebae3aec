#ifndef WXIDENT_SERVER_PERSON_USER_INFO_H_
#define WXIDENT_SERVER_PERSON_USER_INFO_H_

#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/identity/authorized.h"
#include "server/identity/types.h"
#include "server/store/profile_store.h"

namespace wxident {

// A person's profile, and whose it is.
struct UserInfo {
  User user;
  Identity identity;
  Profile profile;
};

// Stores the profile of one of the app's people. `done` gets it with the user
// whose it now is. Errors: the store's.
void SaveUserInfo(ProfileStore& profiles, const AuthorizedApp& app,
                  Identity identity, Profile profile, Deadline deadline,
                  Done<UserInfo> done);

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_USER_INFO_H_

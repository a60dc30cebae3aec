#ifndef WXIDENT_SERVER_STORE_GRANT_STORE_H_
#define WXIDENT_SERVER_STORE_GRANT_STORE_H_

#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/identity/types.h"
#include "server/store/identity_store.h"
#include "server/store/profile_store.h"

namespace wxident {

// A person's web grant with whose it is.
struct StoredGrant {
  User user;
  Identity identity;
  // nullopt: the identity is known, but never logged in with an oauth_code.
  std::optional<OauthGrant> grant;
};

// Web (OAuth) grants, sealed; RecordSignIn makes them. See identity_store.h for
// what holds of every operation.
class GrantStore {
 public:
  virtual ~GrantStore() = default;

  // nullopt: no such active session or identity.
  virtual void FindGrant(ProfileQuery query, Deadline deadline,
                         Done<std::optional<StoredGrant>> done) = 0;

  // Keeps what a refresh gave, unless a grant that ends later is there or the
  // identity is gone.
  virtual void SaveGrant(Identity identity, OauthGrant grant, Deadline deadline,
                         DoneStatus done) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_GRANT_STORE_H_

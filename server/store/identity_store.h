#ifndef WXIDENT_SERVER_STORE_IDENTITY_STORE_H_
#define WXIDENT_SERVER_STORE_IDENTITY_STORE_H_

#include <optional>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/identity/types.h"

namespace wxident {

// Every store operation: thread-safe; completes once, on a store thread or
// inline; fails with the Errors STORE_UNAVAILABLE, OVERLOADED (queue full),
// DEADLINE_PASSED, KEY_UNAVAILABLE, TAMPERED, INTERNAL_FAULT besides those it
// names. A failed write may have taken effect; repeating it with the same
// input is safe and gives the same result.

// A login that WeChat has confirmed.
struct SignIn {
  Identity identity;
  // Whom the unionid is unique for (App::open_platform_account).
  std::string open_platform_account;
  // The id that the user gets if this login makes one. A UUIDv7.
  std::string new_user_id;
  // SHA-256 of the session token, 32 raw bytes.
  std::string session_token_hash;
  absl::Duration session_ttl;
  Secret session_key;
  // When WeChat gave the session_key: the newest wins.
  absl::Time exchanged_at;
};

struct SignedIn {
  Session session;
  bool new_user;
};

struct ByUserId {
  std::string user_id;
};
struct ByOpenid {
  std::string app_id;
  std::string openid;
};
struct ByUnionid {
  std::string open_platform_account;
  std::string unionid;
};
using UserQuery = std::variant<ByUserId, ByOpenid, ByUnionid>;

// Who is who: the mapping (app, openid) -> user, tied together by unionid.
class IdentityStore {
 public:
  virtual ~IdentityStore() = default;

  // Finds or makes the user of an identity, links its unionid, keeps the
  // session_key and stores the session, all or nothing. Rules of the mapping:
  // one row per (app, openid), ever; a user has one row per unionid of an Open
  // Platform account; an absent unionid erases none; when a unionid shows that
  // two users are one person they are merged: the older survives, the other's
  // id forwards to it. Any number of sign-ins of one person at once end with
  // one user.
  virtual void RecordSignIn(SignIn sign_in, Deadline deadline,
                            Done<SignedIn> done) = 0;

  // nullopt: nobody. A merged user's old id finds the survivor.
  virtual void FindUser(UserQuery query, Deadline deadline,
                        Done<std::optional<UserWithIdentities>> done) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_IDENTITY_STORE_H_

#ifndef WXIDENT_SERVER_STORE_PROFILE_STORE_H_
#define WXIDENT_SERVER_STORE_PROFILE_STORE_H_

#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/identity/types.h"
#include "server/store/identity_store.h"

namespace wxident {

// A profile with whose it is.
struct StoredProfile {
  User user;
  Identity identity;
  // nullopt: the identity is known, but no profile was ever stored.
  std::optional<Profile> profile;
};

// The SHA-256 of an active session's token, or an identity.
struct BySession {
  std::string token_hash;
};
using ProfileQuery = std::variant<BySession, ByOpenid>;

// What WeChat told about people. See identity_store.h for what holds of every
// operation.
class ProfileStore {
 public:
  virtual ~ProfileStore() = default;

  // Stores a profile of a known identity unless a newer one (fetched_at) is
  // there, and links identity.unionid if it is not empty (rules of the
  // mapping: RecordSignIn). Answers whose it now is.
  virtual void SaveProfile(Identity identity, std::string open_platform_account,
                           Profile profile, Deadline deadline,
                           Done<User> done) = 0;

  // nullopt: no such session or identity.
  virtual void FindProfile(ProfileQuery query, Deadline deadline,
                           Done<std::optional<StoredProfile>> done) = 0;

  // Stores the phone of a known identity unless one with a newer
  // watermark_time is there. `open_platform_account` scopes the look-up
  // column, a keyed HMAC of the number.
  virtual void SavePhone(Identity identity, std::string open_platform_account,
                         Phone phone, Deadline deadline, DoneStatus done) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_PROFILE_STORE_H_

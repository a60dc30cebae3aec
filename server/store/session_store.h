#ifndef WXIDENT_SERVER_STORE_SESSION_STORE_H_
#define WXIDENT_SERVER_STORE_SESSION_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/identity/types.h"

namespace wxident {

// A session together with the session_keys that may open its user's data.
struct SessionWithKeys {
  Session session;
  // The current key, then the one before it while it is younger than 10 min
  // after its replacement. Empty when none is kept.
  std::vector<Secret> session_keys;
};

// Login states, found by the SHA-256 of their token (32 raw bytes). A session
// that is unknown, expired or revoked is nullopt; the database's clock decides.
// See identity_store.h for what holds of every operation.
class SessionStore {
 public:
  virtual ~SessionStore() = default;

  virtual void FindSession(std::string token_hash, Deadline deadline,
                           Done<std::optional<Session>> done) = 0;

  virtual void FindSessionWithKeys(
      std::string token_hash, Deadline deadline,
      Done<std::optional<SessionWithKeys>> done) = 0;

  // Ends one session. The number of sessions that were active: 0 or 1.
  virtual void RevokeSession(std::string token_hash, Deadline deadline,
                             Done<int> done) = 0;

  // Ends all sessions of a user, also by a merged user's old id.
  virtual void RevokeUserSessions(std::string user_id, Deadline deadline,
                                  Done<int> done) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_SESSION_STORE_H_

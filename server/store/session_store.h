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
  // Whether a former key has been dropped: data made under it can no longer be
  // opened.
  bool older_key_dropped = false;
};

// A session token's succession: the new one is RefreshedToken of the salt and
// the old one.
struct SessionRefresh {
  // The old token, which is not stored, and its SHA-256.
  Secret token;
  std::string token_hash;
  Secret salt;
  // How long the old token goes on working.
  absl::Duration overlap;
  // The session's absolute end, counted from its login.
  absl::Duration max_age;
};
struct RefreshedSession {
  // The new token; or, when the old one was refreshed before and the overlap is
  // not over, the one that was made then.
  Secret token;
  absl::Time expires_at;
};

// Login states, found by the SHA-256 of their token (32 raw bytes). A session
// that is unknown, expired or revoked is nullopt; the database's clock decides.
// See identity_store.h for what holds of every operation.
class SessionStore {
 public:
  virtual ~SessionStore() = default;

  virtual void FindSession(std::string token_hash, Deadline deadline,
                           Done<std::optional<Session>> done) = 0;

  // Whose a token is or was, active or not; nullopt: there is none such. What
  // ends or refreshes a login also by a token that works no more has no other
  // way to know.
  virtual void FindTokenOwner(std::string token_hash, Deadline deadline,
                              Done<std::optional<Identity>> done) = 0;

  virtual void FindSessionWithKeys(
      std::string token_hash, Deadline deadline,
      Done<std::optional<SessionWithKeys>> done) = 0;

  // Replaces a token: the new one lives for the session's ttl from now, at most
  // to its absolute end. A token that is refreshed again after its overlap has
  // leaked: all tokens of its login are revoked. nullopt: not active.
  virtual void RefreshSession(SessionRefresh refresh, Deadline deadline,
                              Done<std::optional<RefreshedSession>> done) = 0;

  // Ends one session, with every token of its login. The number of sessions
  // that were active: 0 or 1.
  virtual void RevokeSession(std::string token_hash, Deadline deadline,
                             Done<int> done) = 0;

  // Ends all sessions of a user that were there before, also by a merged user's
  // old id; of one that is opened meanwhile it is open. There may be more than
  // one transaction takes: then they end in parts, and after a failure or a
  // passed deadline those that ended stay ended, and a repetition goes on.
  virtual void RevokeUserSessions(std::string user_id, Deadline deadline,
                                  Done<int> done) = 0;

  // Takes away what is of no more use, in up to `limit` rows: sessions a day
  // past their end, login answers past 5 min, and the salts of refreshed tokens
  // whose overlap is over. The number of rows.
  virtual void Sweep(int limit, Deadline deadline, Done<int> done) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_SESSION_STORE_H_

#ifndef WXIDENT_SERVER_SESSION_SESSION_CHANGES_H_
#define WXIDENT_SERVER_SESSION_SESSION_CHANGES_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"
#include "server/identity/authorized.h"
#include "server/session/session_cache.h"
#include "server/store/session_store.h"

namespace wxident {

// Goes on with sessions under a new token, or ends them. Thread-safe.
class SessionChanges {
 public:
  struct Options {
    // See SessionRefresh.
    absl::Duration overlap;
    absl::Duration max_age;
  };

  // Both must outlive it and its calls.
  SessionChanges(SessionCache& sessions, Random& random, Options options)
      : sessions_(sessions), random_(random), options_(options) {}

  // Replaces a token, which is `secret`; see SessionStore::RefreshSession.
  void Refresh(const AuthorizedToken& token, Secret secret, Deadline deadline,
               Done<std::optional<RefreshedSession>> done);

  // See SessionStore.
  void Revoke(const AuthorizedToken& token, Deadline deadline, Done<int> done);
  void RevokeUser(const AuthorizedEveryApp& right, std::string user_id,
                  Deadline deadline, Done<int> done);

 private:
  SessionCache& sessions_;
  Random& random_;
  const Options options_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_SESSION_SESSION_CHANGES_H_

#ifndef WXIDENT_SERVER_STORE_TOKEN_STORE_H_
#define WXIDENT_SERVER_STORE_TOKEN_STORE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/identity/apps.h"

namespace wxident {

// An app's access_token as the keeper holds it.
struct AccessToken {
  Secret token;
  absl::Time expires_at;
  // Rises with each new token of the app.
  int64_t generation = 0;
};

// Where access_tokens outlive the process. See identity_store.h for what holds
// of every operation.
class TokenStore {
 public:
  virtual ~TokenStore() = default;

  // nullopt: none stored for this app and mode.
  virtual void LoadToken(std::string app_id, TokenMode mode, Deadline deadline,
                         Done<std::optional<AccessToken>> done) = 0;

  // Keeps `token` unless one of the same or a higher generation is there.
  virtual void SaveToken(std::string app_id, TokenMode mode, AccessToken token,
                         Deadline deadline, DoneStatus done) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_TOKEN_STORE_H_

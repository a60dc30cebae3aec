#ifndef WXIDENT_SERVER_KEEPER_ACCESS_TOKEN_H_
#define WXIDENT_SERVER_KEEPER_ACCESS_TOKEN_H_

#include <cstdint>

#include "absl/time/time.h"
#include "server/crypto/secret.h"

namespace wxident {

// An app's access_token, or its jsapi_ticket, as the keeper hands it out.
struct AccessToken {
  Secret token;
  // By the database's clock.
  absl::Time expires_at;
  // Rises by one with each new token of the app. 0: not from the store.
  int64_t generation = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_ACCESS_TOKEN_H_

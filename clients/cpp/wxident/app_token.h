#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_APP_TOKEN_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_APP_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace wxident::client {

// An app's access_token of WeChat. Keep it out of logs.
struct AppToken {
  std::string access_token;
  // When WeChat stops accepting it.
  absl::Time expire_time;
  // Rises with each new token; 0 while the server cannot ask its database.
  int64_t generation = 0;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_APP_TOKEN_H_

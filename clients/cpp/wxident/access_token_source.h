#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_ACCESS_TOKEN_SOURCE_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_ACCESS_TOKEN_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cpp/wxident/client.h"

namespace wxident::client {

struct AppToken {
  std::string access_token;
  absl::Time expire_time;
  // Rises with each new token; 0 while the server cannot ask its database.
  int64_t generation = 0;
};

// The access_token of one app, always at hand: a stream brings each new one, so
// Get answers from memory. While the stream is down it is opened again, after
// 0.1 to 5 s, and Get asks the server itself once less than a minute of the
// token's life is left. Thread-safe; one thread of its own.
class AccessTokenSource {
 public:
  // `client` must outlive it.
  AccessTokenSource(Client& client, std::string app_id);
  // Ends the stream and the calls that wait.
  ~AccessTokenSource();
  AccessTokenSource(const AccessTokenSource&) = delete;

  // Waits for the first token, at most `timeout`.
  absl::StatusOr<AppToken> Get(absl::Duration timeout = absl::Seconds(5));

  // WeChat has refused `access_token` (40001, 40014, 42001): the token to go on
  // with. Calls at once that report the same one ask the server once.
  absl::StatusOr<AppToken> ReportRejected(
      const std::string& access_token,
      absl::Duration timeout = absl::Seconds(5));

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_ACCESS_TOKEN_SOURCE_H_

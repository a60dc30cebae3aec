#ifndef WXIDENT_CLIENTS_CPP_WXIDENT_ACCESS_TOKEN_SOURCE_H_
#define WXIDENT_CLIENTS_CPP_WXIDENT_ACCESS_TOKEN_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "wxident/app_token.h"
#include "wxident/client.h"
#include "wxident/contract.h"

namespace wxident::client {

// The access_token of one app, always at hand: a stream brings each new one, so
// Get answers from memory. While the stream is down it is opened again, after
// up to 5 s, and Get asks the server itself once less than a minute of the
// token's life is left. Thread-safe; one thread of its own. One for each app is
// enough for a process.
class AccessTokenSource {
 public:
  // `client` must outlive it.
  AccessTokenSource(Client& client, std::string app_id);
  // Closes it; calls that wait end.
  ~AccessTokenSource();
  AccessTokenSource(const AccessTokenSource&) = delete;
  AccessTokenSource& operator=(const AccessTokenSource&) = delete;

  // The current token. It comes from memory but for the first one, and where
  // the server has been away for long; then Get waits, at most `timeout`.
  absl::StatusOr<AppToken> Get(
      absl::Duration timeout = contract::kGetAccessTokenDeadline);

  // WeChat has refused `access_token` (40001, 40014, 42001): the token to go on
  // with. The server replaces it only if it is still the current one. Calls at
  // once that report the same one ask the server once.
  absl::StatusOr<AppToken> ReportRejected(
      const std::string& access_token,
      absl::Duration timeout = contract::kGetAccessTokenDeadline);

  // Ends the stream; calls that wait, and later ones, fail with kCancelled.
  void Close();

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace wxident::client

#endif  // WXIDENT_CLIENTS_CPP_WXIDENT_ACCESS_TOKEN_SOURCE_H_

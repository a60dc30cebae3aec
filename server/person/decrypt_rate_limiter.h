#ifndef WXIDENT_SERVER_PERSON_DECRYPT_RATE_LIMITER_H_
#define WXIDENT_SERVER_PERSON_DECRYPT_RATE_LIMITER_H_

#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/identity/types.h"

namespace wxident {

// Lets at most 5 pieces of encrypted data be refused within a minute for one
// session. WeChat's cipher authenticates nothing: whoever could try changed
// data without end might learn, bit by bit, how to make data that opens. A
// session is what one login began, whatever token it has come to: refreshing it
// gives no further tries. Nor does a success. A new login does, and needs a new
// code of WeChat's.
//
// Kept in this process's memory: N replicas allow N times as many. At most
// 100,000 refusals are remembered, the newest; who would push out their own
// with others' needs as many sessions. Thread-safe; does not block.
class DecryptRateLimiter {
 public:
  explicit DecryptRateLimiter(Clock& clock) : clock_(clock) {}

  // To be asked before data of `session` is opened. When it is OK, End must
  // follow. Data that is being opened at this moment counts as refused, so that
  // many tries at once are no more than one after the other. Errors:
  // SESSION_RATE_LIMITED, with the time until it is OK again.
  absl::Status Begin(const Session& session);
  void End(const Session& session, bool opened);

  // How many sessions' refusals are remembered. For tests.
  size_t size() const;

 private:
  struct Tries {
    int under_way = 0;
    // When, on Clock::Monotonic(), oldest first.
    std::deque<absl::Duration> refused;
  };

  void Forget(absl::Duration now);
  void ForgetOldest();

  Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Tries> by_session_;
  // Every refusal, oldest first, and whose it is.
  std::deque<std::pair<absl::Duration, std::string>> refusals_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_PERSON_DECRYPT_RATE_LIMITER_H_

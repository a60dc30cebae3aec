#ifndef WXIDENT_SERVER_WECHAT_BREAKER_H_
#define WXIDENT_SERVER_WECHAT_BREAKER_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/mutex.h"
#include "server/crypto/random.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Decides for each endpoint of WeChat's, and for each app by itself, whether it
// is asked at all; WechatApi::Breaker tells the rules. While it is away,
// callers hear so at once instead of waiting for it, and it is not met by all
// of them when it comes back. One endpoint that is away holds no other one
// back. Thread-safe.
//
// A call that Enter let through is to be reported with Leave. The one call that
// tries again and is not reported within 10 s is taken for lost, and the next
// one tries.
//
// Logs breaker_opened and breaker_closed, once for each time. Metric:
// wxident_breaker_state{app_id,endpoint}: 0 closed, 1 open, 2 half open.
class Breakers {
 public:
  // What became of a call.
  enum class Outcome {
    // An answer came, whatever it says: it is there.
    kAnswered,
    // No connection, or no answer in time.
    kFailed,
    // It ended for a reason that says nothing of WeChat.
    kUnknown,
  };

  // Whose calls stand or fall together. `endpoint` is one of WechatClient's
  // few names.
  struct Of {
    std::string app_id;
    std::string endpoint;

    friend bool operator<(const Of& a, const Of& b) {
      return std::tie(a.app_id, a.endpoint) < std::tie(b.app_id, b.endpoint);
    }
  };

  // What a call was let through with. A call that began before the breaker
  // opened or closed has no say afterwards.
  struct Pass {
    uint64_t epoch;
  };

  // The references must outlive it.
  Breakers(Clock& clock, Random& random, Metrics& metrics);

  // WECHAT_UNREACHABLE with a retry time when the call must not be made.
  absl::StatusOr<Pass> Enter(const Of& of);
  // `error` is what the call ended with, for the log.
  void Leave(const Of& of, Pass pass, Outcome outcome,
             const absl::Status& error);

  // One for each endpoint that has been asked for this app, by name.
  std::vector<WechatApi::Breaker> StatesOf(const std::string& app_id);

 private:
  using State = WechatApi::Breaker::State;

  struct Breaker {
    State state = State::kClosed;
    uint64_t epoch = 0;
    // In a row, while closed.
    int failures = 0;
    // In a row, without closing in between.
    int openings = 0;
    // On the monotonic clock: of state kOpen, and of the call that tries in
    // state kHalfOpen.
    absl::Duration until;
  };

  // Closed at first.
  Breaker& Find(const Of& of) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Move(const Of& of, Breaker& breaker, State state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Close(const Of& of, Breaker& breaker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Open(const Of& of, Breaker& breaker, const absl::Status& error)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Clock& clock_;
  Random& random_;
  Metrics& metrics_;
  Mutex mutex_;
  std::map<Of, Breaker> breakers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_BREAKER_H_

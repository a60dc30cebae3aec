#ifndef WXIDENT_SERVER_WECHAT_BREAKER_H_
#define WXIDENT_SERVER_WECHAT_BREAKER_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/crypto/random.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Decides for each app whether WeChat is asked at all; WechatApi::Breaker tells
// the rules. While WeChat is away, callers hear so at once instead of waiting
// for it, and it is not met by all of them when it comes back. Thread-safe.
//
// A call that Enter let through is to be reported with Leave. The one call that
// tries again and is not reported within 10 s is taken for lost, and the next
// one tries.
//
// Metric: wxident_breaker_state{app_id}: 0 closed, 1 open, 2 half open.
class Breakers {
 public:
  // What became of a call.
  enum class Outcome {
    // WeChat said something, if only an errcode.
    kAnswered,
    // No connection, no answer in time, or one of something else in between.
    kFailed,
    // It ended for a reason that says nothing of WeChat.
    kUnknown,
  };

  // What a call was let through with. A call that began before the breaker
  // opened or closed has no say afterwards.
  struct Pass {
    uint64_t epoch;
  };

  // The references must outlive it.
  Breakers(Clock& clock, Random& random, Metrics& metrics);

  // WECHAT_UNREACHABLE with a retry time when the call must not be made.
  absl::StatusOr<Pass> Enter(const std::string& app_id);
  void Leave(const std::string& app_id, Pass pass, Outcome outcome);

  WechatApi::Breaker StateOf(const std::string& app_id);

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

  // The app's, which is closed at first. Under mutex_, like all that follows.
  Breaker& Find(const std::string& app_id);
  void Move(const std::string& app_id, Breaker& breaker, State state);
  void Open(const std::string& app_id, Breaker& breaker);

  Clock& clock_;
  Random& random_;
  Metrics& metrics_;
  std::mutex mutex_;
  std::unordered_map<std::string, Breaker> breakers_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_BREAKER_H_

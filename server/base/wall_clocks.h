#ifndef WXIDENT_SERVER_BASE_WALL_CLOCKS_H_
#define WXIDENT_SERVER_BASE_WALL_CLOCKS_H_

#include <array>
#include <cstddef>
#include <optional>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/mutex.h"

namespace wxident {

// Compares this machine's wall clock with WeChat's and the database's, as their
// answers tell them. Thread-safe.
//
// Logs clock_skew when ours is more than 30 s from one of theirs, and
// clock_skew_over when it is within 15 s again. Metric:
// wxident_clock_skew_seconds{against}: ours less theirs, with
// against="wechat" to a second and what an answer takes, and
// against="database".
class WallClocks {
 public:
  enum class Whose { kWechat, kDatabase };

  // The references must outlive it.
  WallClocks(Clock& clock, Metrics& metrics);

  // An answer has just told that its sender's clock says `theirs`. Looks at one
  // answer in 10 s.
  void Observe(Whose whose, absl::Time theirs);

  // The time by WeChat's clock, for times that WeChat wrote: counted on from
  // its last answer. Before the first one, by the database's; before that, by
  // ours.
  absl::Time WechatTime();

 private:
  struct Seen {
    absl::Time theirs;
    // On Clock::Monotonic(), which no step of our wall clock moves.
    absl::Duration at;
    bool off = false;
  };

  Clock& clock_;
  Metrics& metrics_;
  Mutex mutex_;
  // By Whose.
  std::array<std::optional<Seen>, 2> seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_WALL_CLOCKS_H_

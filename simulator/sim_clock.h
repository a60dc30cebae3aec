#ifndef WXIDENT_SIMULATOR_SIM_CLOCK_H_
#define WXIDENT_SIMULATOR_SIM_CLOCK_H_

#include "absl/time/time.h"
#include "server/base/clock.h"

namespace wxident::simulator {

// The time that the simulated WeChat lives in: another clock, moved ahead by
// hand. It rules lifetimes and quotas; faults that delay an answer wait in real
// time. Not thread-safe.
class SimClock {
 public:
  // `base` must outlive this.
  explicit SimClock(Clock& base) : base_(base) {}

  absl::Time Now() const { return base_.Now() + ahead_; }
  void Advance(absl::Duration by) { ahead_ += by; }
  void Reset() { ahead_ = absl::ZeroDuration(); }

 private:
  Clock& base_;
  absl::Duration ahead_ = absl::ZeroDuration();
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_SIM_CLOCK_H_

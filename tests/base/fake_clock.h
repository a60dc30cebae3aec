#ifndef WXIDENT_TESTS_BASE_FAKE_CLOCK_H_
#define WXIDENT_TESTS_BASE_FAKE_CLOCK_H_

#include <mutex>

#include "absl/time/time.h"
#include "server/base/clock.h"

namespace wxident {

// A clock that a test moves by hand. It starts at 2026-01-02 03:04:05 UTC.
// Thread-safe.
class FakeClock final : public Clock {
 public:
  FakeClock() = default;
  explicit FakeClock(absl::Time start) : now_(start) {}

  absl::Time Now() override {
    std::lock_guard<std::mutex> lock(mutex_);
    return now_;
  }
  absl::Duration Monotonic() override {
    std::lock_guard<std::mutex> lock(mutex_);
    return monotonic_;
  }

  // Lets time pass: both clocks go on.
  void Advance(absl::Duration by) {
    std::lock_guard<std::mutex> lock(mutex_);
    now_ += by;
    monotonic_ += by;
  }

  // Somebody sets the wall clock: Monotonic() does not move.
  void StepWallClock(absl::Duration by) {
    std::lock_guard<std::mutex> lock(mutex_);
    now_ += by;
  }

 private:
  std::mutex mutex_;
  absl::Time now_ = absl::FromUnixSeconds(1767323045);
  absl::Duration monotonic_ = absl::Hours(1);
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_BASE_FAKE_CLOCK_H_

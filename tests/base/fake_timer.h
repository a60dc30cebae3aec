#ifndef WXIDENT_TESTS_BASE_FAKE_TIMER_H_
#define WXIDENT_TESTS_BASE_FAKE_TIMER_H_

#include <cstddef>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/base/timer.h"
#include "tests/base/fake_clock.h"

namespace wxident {

// A timer whose tasks a test runs, on the test's thread, by the fake clock's
// Monotonic(). Thread-safe.
class FakeTimer final : public Timer {
 public:
  explicit FakeTimer(FakeClock& clock) : clock_(clock) {}
  ~FakeTimer() override { RunAll(); }

  void After(absl::Duration delay,
             absl::AnyInvocable<void() &&> then) override {
    std::lock_guard<std::mutex> lock(mutex_);
    delays_.push_back(delay);
    tasks_.emplace(clock_.Monotonic() + delay, std::move(then));
  }

  size_t waiting() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return tasks_.size();
  }

  // Every delay that was asked for, in order.
  std::vector<absl::Duration> delays() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return delays_;
  }

  // Runs what is due by the clock, also what that asks for.
  void RunDue() {
    while (RunFirst(/*due_only=*/true)) {
    }
  }

  // Moves the clock to when the first task is due and runs it; false when none
  // waits.
  bool RunNext() {
    absl::Duration wait;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (tasks_.empty()) return false;
      wait = tasks_.begin()->first - clock_.Monotonic();
    }
    if (wait > absl::ZeroDuration()) clock_.Advance(wait);
    return RunFirst(/*due_only=*/false);
  }

  // Runs everything at once, whatever the clock says.
  void RunAll() {
    while (RunFirst(/*due_only=*/false)) {
    }
  }

 private:
  bool RunFirst(bool due_only) {
    absl::AnyInvocable<void() &&> task;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto first = tasks_.begin();
      if (first == tasks_.end() ||
          (due_only && first->first > clock_.Monotonic()))
        return false;
      task = std::move(first->second);
      tasks_.erase(first);
    }
    std::move(task)();
    return true;
  }

  FakeClock& clock_;
  mutable std::mutex mutex_;
  std::vector<absl::Duration> delays_;
  // By when they are due.
  std::multimap<absl::Duration, absl::AnyInvocable<void() &&>> tasks_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_BASE_FAKE_TIMER_H_

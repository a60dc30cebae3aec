#ifndef WXIDENT_SERVER_BASE_TIMER_H_
#define WXIDENT_SERVER_BASE_TIMER_H_

#include <chrono>
#include <map>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace wxident {

// Runs things later. Injected, so that tests decide when. Thread-safe.
class Timer {
 public:
  virtual ~Timer() = default;

  // Calls `then` once, `delay` from now, on the timer's own thread; it must not
  // block. When the timer ends, what has not run yet runs at once.
  virtual void After(absl::Duration delay,
                     absl::AnyInvocable<void() &&> then) = 0;
};

// A Timer with one thread of its own, which sleeps while nothing is due. What
// is due together runs in the order it came. A task may ask for a further one,
// also while the timer ends.
class ThreadTimer final : public Timer {
 public:
  ThreadTimer();
  // Runs what is left, the earliest first, and waits for it.
  ~ThreadTimer() override;

  void After(absl::Duration delay, absl::AnyInvocable<void() &&> then) override;

 private:
  using SteadyClock = std::chrono::steady_clock;
  using Task = absl::AnyInvocable<void() &&>;

  void Run();

  Mutex mutex_;
  CondVar changed_;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  // By when they are due.
  std::multimap<SteadyClock::time_point, Task> tasks_ ABSL_GUARDED_BY(mutex_);
  // The last member, for it uses the others.
  std::thread thread_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_TIMER_H_

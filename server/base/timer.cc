#include "server/base/timer.h"

#include <algorithm>
#include <utility>

namespace wxident {
namespace {

// Far longer than any server lives, and within what the clock can add.
constexpr absl::Duration kLongest = absl::Hours(24 * 365 * 100);

}  // namespace

ThreadTimer::ThreadTimer() : thread_([this] { Run(); }) {}

ThreadTimer::~ThreadTimer() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
  }
  changed_.NotifyOne();
  thread_.join();
}

void ThreadTimer::After(absl::Duration delay, Task then) {
  const auto due =
      SteadyClock::now() + absl::ToChronoNanoseconds(std::clamp(
                               delay, absl::ZeroDuration(), kLongest));
  {
    MutexLock lock(mutex_);
    tasks_.emplace(due, std::move(then));
  }
  changed_.NotifyOne();
}

void ThreadTimer::Run() {
  MutexLock lock(mutex_);
  for (;;) {
    if (tasks_.empty()) {
      if (ending_) return;
      changed_.Wait(mutex_);
      continue;
    }
    const SteadyClock::time_point due = tasks_.begin()->first;
    const auto left = due - SteadyClock::now();
    if (!ending_ && left > left.zero()) {
      changed_.WaitFor(mutex_, absl::FromChrono(left));
      continue;
    }
    Task task = std::move(tasks_.begin()->second);
    tasks_.erase(tasks_.begin());
    lock.Unlock();
    std::move(task)();
    task = nullptr;
    lock.Lock();
  }
}

}  // namespace wxident

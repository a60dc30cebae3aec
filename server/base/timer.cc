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
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void ThreadTimer::After(absl::Duration delay, Task then) {
  const auto due =
      SteadyClock::now() + absl::ToChronoNanoseconds(std::clamp(
                               delay, absl::ZeroDuration(), kLongest));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    tasks_.emplace(due, std::move(then));
  }
  changed_.notify_one();
}

void ThreadTimer::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    if (tasks_.empty()) {
      if (ending_) return;
      changed_.wait(lock);
      continue;
    }
    const SteadyClock::time_point due = tasks_.begin()->first;
    if (!ending_ && SteadyClock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    Task task = std::move(tasks_.begin()->second);
    tasks_.erase(tasks_.begin());
    lock.unlock();
    std::move(task)();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace wxident

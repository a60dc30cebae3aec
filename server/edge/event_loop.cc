#include "server/edge/event_loop.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace wxident {
namespace {

// An hour: more than any timer of ours, and no overflow.
constexpr absl::Duration kLongest = absl::Hours(1);
// Of looks at what is ready before a loop sleeps, each some 0.5 us.
constexpr int kLooks = 100;
// A sleep that is no longer would not have been one with them: to be woken
// takes as long again.
constexpr absl::Duration kSoon = absl::Microseconds(100);

void Control(int epoll_fd, int how, int fd, uint32_t events,
             EventLoop::Source* source) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = source;
  epoll_ctl(epoll_fd, how, fd, &event);
}

}  // namespace

EventLoop::EventLoop(Clock& clock)
    : clock_(clock),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_(clock.Monotonic()) {
  Control(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, EPOLLIN, nullptr);
}

EventLoop::~EventLoop() {
  close(wake_fd_);
  close(epoll_fd_);
}

void EventLoop::Run() {
  while (!quit_)
    if (!Turn(kLongest)) return;
}

bool EventLoop::Turn(absl::Duration most) {
  SetCurrent(this);
  Events events;
  const int count = Wait(events, WaitMs(most));
  now_ = clock_.Monotonic();
  bool woken = false;
  for (int i = 0; i < count; ++i) {
    auto* const source = static_cast<Source*>(events[i].data.ptr);
    if (source == nullptr)
      woken = true;
    else
      source->OnReady(events[i].events);
  }
  if (woken) RunPosted();
  RunTimers();
  RunDeferred();
  const bool mine = ends_.empty() || RunEnds();
  SetCurrent(nullptr);
  return mine;
}

int EventLoop::Wait(Events& events, int most_ms) {
  const auto wait = [&](int ms) {
    return epoll_wait(epoll_fd_, events.data(), events.size(), ms);
  };
  if (most_ms == 0) return wait(0);
  if (comes_soon_) {
    for (int i = 0; i < kLooks; ++i) {
      if (const int count = wait(0); count != 0) return count;
      // Another thread may have waited for this core.
      sched_yield();
    }
    comes_soon_ = false;
  }
  const absl::Duration began = clock_.Monotonic();
  const int count = wait(most_ms);
  comes_soon_ = count > 0 && clock_.Monotonic() - began < kSoon;
  return count;
}

bool EventLoop::RunEnds() {
  std::vector<End> ends = std::exchange(ends_, {});
  uint64_t away = ++last_away_;
  // Keeps what is overtaken.
  const std::shared_ptr<Turns> self = weak_from_this().lock();
  SetCurrent(nullptr);
  away_.store(away, std::memory_order_release);
  for (End& end : ends) std::move(end.work)();
  if (!away_.compare_exchange_strong(away, 0)) {
    for (End& end : ends) Post(std::move(end.after));
    return false;
  }
  SetCurrent(this);
  for (End& end : ends) std::move(end.after)();
  RunDeferred();
  return true;
}

void EventLoop::Overtake() {
  uint64_t away = away_.load();
  if (away == 0 || overtaken_ == nullptr ||
      !away_.compare_exchange_strong(away, 0))
    return;
  overtaken_();
}

void EventLoop::Quit() {
  Post([this] { quit_ = true; });
}

void EventLoop::Post(Task task) {
  // The task may be the loop's last, after which nothing of it may be touched:
  // so the lock is kept until the loop has been woken.
  std::lock_guard<std::mutex> lock(mutex_);
  posted_.push_back(std::move(task));
  if (posted_.size() == 1) eventfd_write(wake_fd_, 1);
}

bool EventLoop::IsCurrent() const { return Turns::Current() == this; }

void EventLoop::Watch(int fd, uint32_t events, Source* source) {
  Control(epoll_fd_, EPOLL_CTL_ADD, fd, events, source);
}

void EventLoop::Rewatch(int fd, uint32_t events, Source* source) {
  Control(epoll_fd_, EPOLL_CTL_MOD, fd, events, source);
}

void EventLoop::Unwatch(int fd) {
  Control(epoll_fd_, EPOLL_CTL_DEL, fd, 0, nullptr);
}

EventLoop::TimerId EventLoop::RunAt(absl::Duration when, Task task) {
  const TimerId id(when, ++last_timer_);
  timers_.emplace(id, std::move(task));
  return id;
}

int EventLoop::WaitMs(absl::Duration most) const {
  if (!deferred_.empty() || !dead_.empty() || !ends_.empty()) return 0;
  absl::Duration left = std::min(most, kLongest);
  if (!timers_.empty())
    left = std::min(left, timers_.begin()->first.first - clock_.Monotonic());
  // Rounded up: a turn that comes too soon would only spin.
  return static_cast<int>(absl::ToInt64Milliseconds(
      absl::Ceil(std::max(left, absl::ZeroDuration()), absl::Milliseconds(1))));
}

void EventLoop::RunPosted() {
  eventfd_t ignored;
  eventfd_read(wake_fd_, &ignored);
  std::vector<Task> tasks;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    tasks.swap(posted_);
  }
  for (Task& task : tasks) std::move(task)();
}

void EventLoop::RunTimers() {
  while (!timers_.empty() && timers_.begin()->first.first <= now_) {
    Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    std::move(task)();
  }
}

void EventLoop::RunDeferred() {
  // What these defer, or give to be destroyed, has its turn next time: a task
  // that was deferred for a source finds it alive.
  const std::vector<std::unique_ptr<Source>> dead = std::exchange(dead_, {});
  for (Task& task : std::exchange(deferred_, {})) std::move(task)();
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_EDGE_EVENT_LOOP_H_
#define WXIDENT_SERVER_EDGE_EVENT_LOOP_H_

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/turns.h"

namespace wxident {

// One thread's work: descriptors that become ready, tasks from other threads,
// timers. Whoever calls Run or Turn is its thread. Only Post, Quit, IsCurrent
// and Overtake are for other threads; all else is for the loop's own.
class EventLoop final : public Turns {
 public:
  using TimerId = std::pair<absl::Duration, uint64_t>;

  // Who waits for a descriptor.
  class Source {
   public:
    virtual ~Source() = default;
    // `events` as of epoll. May still be called once after Unwatch.
    virtual void OnReady(uint32_t events) = 0;
  };

  // `clock` outlives it.
  explicit EventLoop(Clock& clock);
  // Drops what has not run. The loop's thread has ended, or is the caller.
  ~EventLoop() override;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Works until Quit.
  void Run();
  // Works once, after at most `most` of waiting. False: the loop was overtaken
  // meanwhile, and may be gone; it is not this thread's any more.
  bool Turn(absl::Duration most);

  // Run returns soon.
  void Quit();
  // Runs `task` on the loop's thread. Tasks run in the order of their posting;
  // however many wait, the loop is woken once.
  void Post(Task task);
  // Whether this is the loop's thread.
  bool IsCurrent() const;

  // Level-triggered. `source` lives until Unwatch, and then on: hand it to
  // DeleteLater.
  void Watch(int fd, uint32_t events, Source* source);
  void Rewatch(int fd, uint32_t events, Source* source);
  void Unwatch(int fd);

  // Runs `task` once `when` has come, unless it is cancelled before.
  TimerId RunAt(absl::Duration when, Task task);
  void Cancel(const TimerId& id) { timers_.erase(id); }

  // See Turns. What `after` defers runs in the same turn. With AtEnd the loop
  // is held by a shared_ptr, or never overtaken.
  void AtEnd(Task work, Task after) override {
    ends_.push_back({std::move(work), std::move(after)});
  }
  void Overtake() override;
  // `overtaken` has another thread call Turn. Before there is something to
  // overtake.
  void WhenOvertaken(std::function<void()> overtaken) {
    overtaken_ = std::move(overtaken);
  }

  // Runs `task` when what is ready now has been worked off.
  void Defer(Task task) { deferred_.push_back(std::move(task)); }
  // Destroys it then.
  void DeleteLater(std::unique_ptr<Source> source) {
    dead_.push_back(std::move(source));
  }

  // When this turn began, on Clock::Monotonic().
  absl::Duration now() const { return now_; }

 private:
  struct End {
    Task work;
    Task after;
  };

  using Events = std::array<epoll_event, 128>;

  int WaitMs(absl::Duration most) const;
  // As epoll_wait. To sleep and be woken takes longer than a call: where the
  // last sleep was no longer than that, it looks for a moment before it sleeps.
  int Wait(Events& events, int most_ms);
  void RunPosted();
  void RunTimers();
  void RunDeferred();
  // False: overtaken.
  bool RunEnds();

  Clock& clock_;
  const int epoll_fd_;
  const int wake_fd_;
  bool quit_ = false;
  absl::Duration now_;
  uint64_t last_timer_ = 0;
  std::map<TimerId, Task> timers_;
  std::vector<Task> deferred_;
  std::vector<std::unique_ptr<Source>> dead_;
  std::vector<End> ends_;
  // Whether what is awaited has come as soon as a loop falls asleep.
  bool comes_soon_ = false;

  // Counts the turns whose ends had work. While it runs, `away_` is its number;
  // whoever makes 0 of it has the next turn.
  uint64_t last_away_ = 0;
  std::atomic<uint64_t> away_{0};
  std::function<void()> overtaken_;

  std::mutex mutex_;
  std::vector<Task> posted_;  // guarded by mutex_
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_EVENT_LOOP_H_

#ifndef WXIDENT_SERVER_BASE_SINGLE_FLIGHT_H_
#define WXIDENT_SERVER_BASE_SINGLE_FLIGHT_H_

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace wxident {

// Lets many callers share one run of the same work. The first Begin asks its
// caller to run; who comes while that runs waits for it; Finish ends the run
// and returns all who waited, to be answered.
//
//   {
//     MutexLock lock(mutex_);
//     if (!flight_.Begin(std::move(waiter))) return;  // a run is under way
//   }
//   Run();  // which ends with Finish, under mutex_
//
// Not thread-safe: the lock of its owner guards it, together with what the
// owner decides by it.
template <typename Waiter>
class SingleFlight {
 public:
  // Adds `waiter`. Returns true if nothing is under way: then the caller has to
  // run, after it has let go of the lock.
  [[nodiscard]] bool Begin(Waiter waiter) {
    waiters_.push_back(std::move(waiter));
    return Begin();
  }
  // The same for a run for which nobody waits yet.
  [[nodiscard]] bool Begin() { return !std::exchange(running_, true); }

  bool running() const { return running_; }
  // Who waits for the run so far, in the order in which they came.
  const std::vector<Waiter>& waiters() const { return waiters_; }

  // Takes out those of who waits that `leaves`; the run goes on.
  template <typename Leaves>
  [[nodiscard]] std::vector<Waiter> TakeOut(const Leaves& leaves) {
    const auto first =
        std::stable_partition(waiters_.begin(), waiters_.end(),
                              [&](const Waiter& w) { return !leaves(w); });
    std::vector<Waiter> out(std::make_move_iterator(first),
                            std::make_move_iterator(waiters_.end()));
    waiters_.erase(first, waiters_.end());
    return out;
  }

  // Ends the run. Returns all who waited for it; one who comes after it begins
  // a new one.
  [[nodiscard]] std::vector<Waiter> Finish() {
    running_ = false;
    return std::exchange(waiters_, {});
  }

 private:
  bool running_ = false;
  std::vector<Waiter> waiters_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_SINGLE_FLIGHT_H_

#include "server/session/session_sweeper.h"

#include <string>
#include <utility>

#include "server/base/deadline.h"
#include "server/base/log.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// A batch takes a few ms of one database worker.
constexpr int kBatch = 200;
constexpr absl::Duration kBudget = absl::Seconds(2);

}  // namespace

SessionSweeper::SessionSweeper(SessionStore& store, Clock& clock)
    : store_(store), clock_(clock) {}

void SessionSweeper::Sweep() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_ || std::exchange(sweeping_, true)) return;
  }
  SweepBatch();
}

void SessionSweeper::SweepBatch() {
  store_.Sweep(
      kBatch, Deadline::After(kBudget, clock_),
      [this](absl::StatusOr<int> count) { OnSwept(std::move(count)); });
}

void SessionSweeper::OnSwept(absl::StatusOr<int> count) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!count.ok() && !failing_)
      Log(LogLevel::kWarning, "sessions not swept",
          {{"reason",
            std::string(ReasonName(DetailsOf(count.status()).reason))}});
    failing_ = !count.ok();
    if (!count.ok() || *count < kBatch || stopping_) {
      sweeping_ = false;
      // The last act: the sweeper may be gone after it.
      idle_.notify_all();
      return;
    }
  }
  SweepBatch();
}

void SessionSweeper::Stop() {
  std::unique_lock<std::mutex> lock(mutex_);
  stopping_ = true;
  idle_.wait(lock, [this] { return !sweeping_; });
}

}  // namespace wxident

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
    if (sweeping_ || !in_flight_.Begin()) return;
    sweeping_ = true;
  }
  SweepBatch();
}

void SessionSweeper::SweepBatch() {
  store_.Sweep(
      kBatch, Deadline::After(kBudget, clock_),
      [this](absl::StatusOr<int> count) { OnSwept(std::move(count)); });
}

void SessionSweeper::OnSwept(absl::StatusOr<int> count) {
  bool more = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!count.ok() && !failing_)
      Log(LogLevel::kWarning, "sessions not swept",
          {{"reason",
            std::string(ReasonName(DetailsOf(count.status()).reason))}});
    failing_ = !count.ok();
    more = count.ok() && *count >= kBatch && !in_flight_.stopping();
    sweeping_ = more;
  }
  if (more) return SweepBatch();
  in_flight_.End();
}

void SessionSweeper::Stop() { in_flight_.Stop(); }

}  // namespace wxident

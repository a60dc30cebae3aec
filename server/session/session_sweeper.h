#ifndef WXIDENT_SERVER_SESSION_SESSION_SWEEPER_H_
#define WXIDENT_SERVER_SESSION_SESSION_SWEEPER_H_

#include <mutex>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/in_flight.h"
#include "server/store/session_store.h"

namespace wxident {

// Deletes what the session store no longer needs, in batches small enough not
// to be felt: one at a time, the next at once while there is more. Thread-safe.
class SessionSweeper {
 public:
  SessionSweeper(SessionStore& store, Clock& clock);

  // Begins, unless a sweep is under way. Call it about once a second. A failure
  // ends the sweep; the next call tries again.
  void Sweep();

  // Begins nothing any more and waits for the batch under way, at most 2 s.
  void Stop();

 private:
  void SweepBatch();
  void OnSwept(absl::StatusOr<int> count);

  SessionStore& store_;
  Clock& clock_;

  InFlight in_flight_;
  std::mutex mutex_;
  bool sweeping_ = false;
  // Whether the last batch failed, which is logged once.
  bool failing_ = false;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_SESSION_SESSION_SWEEPER_H_

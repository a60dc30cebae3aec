#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_GATE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_GATE_H_

#include "absl/time/time.h"
#include "server/store/postgres/pool/back_off.h"

namespace wxident {

// Stands before one kind of requests. It closes when a statement got no answer
// in time; from then on one run at a time may find out whether that is over.
// Moments are of Clock::Monotonic(). Not thread-safe: the pool's lock guards
// it.
class PgGate {
 public:
  bool closed() const { return back_off_.failing(); }
  // Whether a run may begin; while closed, as a probe.
  bool Passes(absl::Duration now) const {
    return !closed() || (!probing_ && back_off_.Due(now, absl::Seconds(1)));
  }
  void BeginProbe() { probing_ = true; }
  // It ended and told nothing.
  void EndProbe() { probing_ = false; }
  void Close(absl::Duration now) {
    probing_ = false;
    back_off_.Fail(now);
  }
  void Open() {
    probing_ = false;
    back_off_.Succeed();
  }

 private:
  bool probing_ = false;
  BackOff back_off_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_GATE_H_

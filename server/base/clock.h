#ifndef WXIDENT_SERVER_BASE_CLOCK_H_
#define WXIDENT_SERVER_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace wxident {

// Where the server reads time. Injected, so that tests move it by hand.
// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall time: for what is stored or shown.
  virtual absl::Time Now() = 0;

  // Time since an arbitrary start that never goes back: for ages, deadlines
  // and timeouts, which a step of the wall clock must not touch.
  virtual absl::Duration Monotonic() = 0;
};

// The machine's clocks. Lives for ever.
Clock& SystemClock();

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_CLOCK_H_

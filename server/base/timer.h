#ifndef WXIDENT_SERVER_BASE_TIMER_H_
#define WXIDENT_SERVER_BASE_TIMER_H_

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

namespace wxident {

// Runs things later. Injected, so that tests decide when. Thread-safe.
class Timer {
 public:
  virtual ~Timer() = default;

  // Calls `then` once, `delay` from now, on the timer's own thread; it must not
  // block. When the timer ends, what has not run yet runs at once.
  virtual void After(absl::Duration delay,
                     absl::AnyInvocable<void() &&> then) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_TIMER_H_

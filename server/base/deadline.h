#ifndef WXIDENT_SERVER_BASE_DEADLINE_H_
#define WXIDENT_SERVER_BASE_DEADLINE_H_

#include "absl/time/time.h"
#include "server/base/clock.h"

namespace wxident {

// The moment on Clock::Monotonic() after which an answer is of no use.
class Deadline {
 public:
  static Deadline At(absl::Duration at) { return Deadline(at); }
  // Passes `left` from now.
  static Deadline After(absl::Duration left, Clock& clock) {
    return Deadline(clock.Monotonic() + left);
  }

  // May be negative.
  absl::Duration Left(Clock& clock) const { return at_ - clock.Monotonic(); }
  bool Passed(Clock& clock) const {
    return Left(clock) <= absl::ZeroDuration();
  }

  // A moment earlier by `margin`: time to bring an answer home.
  Deadline Earlier(absl::Duration margin) const {
    return Deadline(at_ - margin);
  }

  friend bool operator<(Deadline a, Deadline b) { return a.at_ < b.at_; }

 private:
  explicit Deadline(absl::Duration at) : at_(at) {}
  absl::Duration at_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_DEADLINE_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_BACK_OFF_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_BACK_OFF_H_

#include "absl/time/time.h"
#include "server/base/backoff.h"

namespace wxident {

// When something that failed may be tried again: 50 ms after the first failure,
// then ever later, and up to half of that sooner, so that servers do not try
// together. Moments are of Clock::Monotonic(). Not thread-safe.
class BackOff {
 public:
  bool failing() const { return failures_ > 0; }
  bool Due(absl::Duration now, absl::Duration most) const {
    return !failing() || now >= failed_at_ + Wait(most);
  }
  void Fail(absl::Duration now) {
    ++failures_;
    failed_at_ = now;
    chance_ = Chance();
  }
  void Succeed() { failures_ = 0; }

 private:
  absl::Duration Wait(absl::Duration most) const {
    constexpr absl::Duration kFirst = absl::Milliseconds(50);
    return Jittered(Backoff{kFirst, most}.PauseAfter(failures_ - 1), 0.5, 1,
                    chance_);
  }

  int failures_ = 0;
  absl::Duration failed_at_ = absl::ZeroDuration();
  double chance_ = 1;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_BACK_OFF_H_

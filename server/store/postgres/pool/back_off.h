#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_BACK_OFF_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_BACK_OFF_H_

#include <algorithm>
#include <random>

#include "absl/time/time.h"

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
    part_ = std::uniform_real_distribution<double>(0.5, 1)(random_);
  }
  void Succeed() { failures_ = 0; }

 private:
  absl::Duration Wait(absl::Duration most) const {
    constexpr absl::Duration kFirst = absl::Milliseconds(50);
    return part_ * std::min(most, kFirst * (1 << std::min(failures_ - 1, 16)));
  }

  int failures_ = 0;
  absl::Duration failed_at_ = absl::ZeroDuration();
  double part_ = 1;
  std::minstd_rand random_{std::random_device()()};
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_BACK_OFF_H_

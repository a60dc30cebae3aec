#ifndef WXIDENT_SERVER_BASE_TOKEN_BUCKET_H_
#define WXIDENT_SERVER_BASE_TOKEN_BUCKET_H_

#include <algorithm>

#include "absl/time/time.h"

namespace wxident {

// What somebody may still do: it is spent, earned by what honest peers do, and
// grows with time.
class TokenBucket {
 public:
  struct Terms {
    double start;
    double most;
    double per_second;
  };

  explicit TokenBucket(const Terms& terms)
      : terms_(terms), left_(terms.start) {}

  // False, and nothing is spent, when there is not one left. `now` never goes
  // back.
  bool SpendOne(absl::Duration now) {
    Earn(terms_.per_second *
         absl::ToDoubleSeconds(std::max(now - at_, absl::ZeroDuration())));
    at_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }
  void Earn(double amount) { left_ = std::min(left_ + amount, terms_.most); }

 private:
  const Terms terms_;
  double left_;
  // When something was last asked for: before that, never.
  absl::Duration at_ = absl::InfiniteDuration();
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_TOKEN_BUCKET_H_

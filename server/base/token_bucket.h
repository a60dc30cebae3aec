#ifndef WXIDENT_SERVER_BASE_TOKEN_BUCKET_H_
#define WXIDENT_SERVER_BASE_TOKEN_BUCKET_H_

#include <algorithm>

#include "absl/time/time.h"

namespace wxident {

// What somebody may still do: it is spent, earned by what honest peers do, and
// grows with time. Every `now` is of one clock that never goes back. Not
// thread-safe.
class TokenBucket {
 public:
  struct Terms {
    double start;
    double most;
    double per_second;
  };

  explicit TokenBucket(const Terms& terms)
      : terms_(terms), left_(terms.start) {}

  // Spends one. Returns false, and spends nothing, when there is not one left.
  bool SpendOne(absl::Duration now) {
    Grow(now);
    if (left_ < 1 - kRounding) return false;
    left_ -= 1;
    return true;
  }

  // Returns how long after a SpendOne that failed there is one again; rounded
  // up to a millisecond. Only for who has a per_second.
  absl::Duration UntilOne() const {
    return absl::Ceil(absl::Seconds((1 - left_) / terms_.per_second),
                      absl::Milliseconds(1));
  }

  void Earn(double amount) { left_ = std::min(left_ + amount, terms_.most); }

  // Returns whether nothing is spent that has not come back.
  bool IsFull(absl::Duration now) {
    Grow(now);
    return left_ >= terms_.most;
  }

  // Puts other terms in place; what is spent of the old ones is spent of these.
  void ChangeTerms(const Terms& terms, absl::Duration now) {
    Grow(now);
    left_ += terms.most - terms_.most;
    terms_ = terms;
  }

 private:
  // What sums of fractions may be off by.
  static constexpr double kRounding = 1e-6;

  void Grow(absl::Duration now) {
    Earn(terms_.per_second *
         absl::ToDoubleSeconds(std::max(now - at_, absl::ZeroDuration())));
    at_ = now;
  }

  Terms terms_;
  double left_;
  // When something was last asked for: before that, never.
  absl::Duration at_ = absl::InfiniteDuration();
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_TOKEN_BUCKET_H_

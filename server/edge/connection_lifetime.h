#ifndef WXIDENT_SERVER_EDGE_CONNECTION_LIFETIME_H_
#define WXIDENT_SERVER_EDGE_CONNECTION_LIFETIME_H_

#include <cstddef>

#include "absl/time/time.h"

namespace wxident {

// What a connection is due for as time goes by. Times are of one clock that
// never goes back.
class ConnectionLifetime {
 public:
  struct Limits {
    // A client that is silent for so long is asked whether it is there, and has
    // so long to answer.
    absl::Duration silence = absl::Seconds(60);
    absl::Duration answer = absl::Seconds(10);
    // A connection without calls, or of this age, is ended; calls that run then
    // have the grace. The age differs by a tenth from one connection to another
    // so that clients do not all come back at once.
    absl::Duration idle = absl::Minutes(5);
    absl::Duration age = absl::Minutes(10);
    absl::Duration grace = absl::Seconds(30);
  };
  enum class Due { kNothing, kPing, kDrain, kClose };

  // `spread`, from 0 to 1, is the connection's own.
  ConnectionLifetime(const Limits& limits, double spread, absl::Duration now)
      : limits_(limits),
        old_at_(now + limits.age * (0.9 + 0.2 * spread)),
        heard_at_(now),
        busy_at_(now) {}

  // The client has sent something.
  void OnHeard(absl::Duration now) {
    heard_at_ = now;
    pinged_ = false;
  }
  void OnDrain(absl::Duration now) {
    if (close_at_ == absl::InfiniteDuration()) close_at_ = now + limits_.grace;
  }

  // To be called each second or so. kPing and kDrain come once.
  Due OnTime(size_t streams, absl::Duration now) {
    if (streams > 0) busy_at_ = now;
    if (now >= close_at_) return Due::kClose;
    if (close_at_ == absl::InfiniteDuration() &&
        (now >= old_at_ || now - busy_at_ >= limits_.idle)) {
      OnDrain(now);
      return Due::kDrain;
    }
    if (now - heard_at_ < limits_.silence) return Due::kNothing;
    if (pinged_)
      return now - pinged_at_ < limits_.answer ? Due::kNothing : Due::kClose;
    pinged_ = true;
    pinged_at_ = now;
    return Due::kPing;
  }

 private:
  const Limits limits_;
  const absl::Duration old_at_;
  absl::Duration heard_at_;
  absl::Duration busy_at_;
  bool pinged_ = false;
  absl::Duration pinged_at_;
  absl::Duration close_at_ = absl::InfiniteDuration();
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_CONNECTION_LIFETIME_H_

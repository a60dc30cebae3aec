#include "server/wechat/breaker.h"

#include <algorithm>

#include "server/identity/error.h"

namespace wxident {
namespace {

constexpr int kMostFailures = 5;
constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Seconds(30);
// More than any call takes.
constexpr absl::Duration kTrialTime = absl::Seconds(10);
// What the others are told while a call tries.
constexpr absl::Duration kTrialWait = absl::Seconds(1);

absl::Status Unreachable(absl::Duration wait) {
  return Error(Reason::kWechatUnreachable,
               "WeChat did not answer the last calls, so nothing was sent; "
               "retry later, a login with the same code")
      // Errors tell milliseconds; one less would be too early.
      .RetryAfter(absl::Ceil(wait, absl::Milliseconds(1)))
      .ToStatus();
}

// Evenly between 0.5 and 1.5, so that replicas do not all try at one moment.
double Spread(Random& random) {
  const std::string bytes = random.Bytes(2);
  const int number = static_cast<unsigned char>(bytes[0]) * 256 +
                     static_cast<unsigned char>(bytes[1]);
  return 0.5 + number / 65535.0;
}

}  // namespace

Breakers::Breakers(Clock& clock, Random& random, Metrics& metrics)
    : clock_(clock), random_(random), metrics_(metrics) {}

absl::StatusOr<Breakers::Pass> Breakers::Enter(const std::string& app_id) {
  const absl::Duration now = clock_.Monotonic();
  std::lock_guard<std::mutex> lock(mutex_);
  Breaker& breaker = Find(app_id);
  if (breaker.state == State::kClosed) return Pass{breaker.epoch};
  if (now < breaker.until)
    return Unreachable(breaker.state == State::kOpen ? breaker.until - now
                                                     : kTrialWait);
  breaker.until = now + kTrialTime;
  Move(app_id, breaker, State::kHalfOpen);
  return Pass{breaker.epoch};
}

void Breakers::Leave(const std::string& app_id, Pass pass, Outcome outcome) {
  std::lock_guard<std::mutex> lock(mutex_);
  Breaker& breaker = Find(app_id);
  if (breaker.epoch != pass.epoch) return;
  switch (outcome) {
    case Outcome::kAnswered:
      breaker.failures = 0;
      breaker.openings = 0;
      if (breaker.state != State::kClosed)
        Move(app_id, breaker, State::kClosed);
      return;
    case Outcome::kFailed:
      if (breaker.state == State::kClosed && ++breaker.failures < kMostFailures)
        return;
      Open(app_id, breaker);
      return;
    case Outcome::kUnknown:
      // The next call tries, for the time of being open is over.
      if (breaker.state == State::kClosed) return;
      breaker.until = clock_.Monotonic();
      Move(app_id, breaker, State::kOpen);
      return;
  }
}

WechatApi::Breaker Breakers::StateOf(const std::string& app_id) {
  const absl::Duration now = clock_.Monotonic();
  std::lock_guard<std::mutex> lock(mutex_);
  const Breaker& breaker = Find(app_id);
  WechatApi::Breaker out;
  out.state = breaker.state;
  if (breaker.state == State::kOpen)
    out.retry_in = std::max(breaker.until - now, absl::ZeroDuration());
  return out;
}

Breakers::Breaker& Breakers::Find(const std::string& app_id) {
  const auto [found, added] = breakers_.try_emplace(app_id);
  if (added) Move(app_id, found->second, State::kClosed);
  return found->second;
}

void Breakers::Move(const std::string& app_id, Breaker& breaker, State state) {
  breaker.state = state;
  ++breaker.epoch;
  const double value = state == State::kClosed ? 0
                       : state == State::kOpen ? 1
                                               : 2;
  metrics_.Set("wxident_breaker_state", {{"app_id", app_id}}, value);
}

void Breakers::Open(const std::string& app_id, Breaker& breaker) {
  absl::Duration pause = kFirstPause;
  for (int i = 0; i < breaker.openings && pause < kLongestPause; ++i)
    pause *= 2;
  pause = absl::Ceil(std::min(pause, kLongestPause) * Spread(random_),
                     absl::Milliseconds(1));
  ++breaker.openings;
  breaker.failures = 0;
  breaker.until = clock_.Monotonic() + pause;
  Move(app_id, breaker, State::kOpen);
}

}  // namespace wxident

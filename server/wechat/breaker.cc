#include "server/wechat/breaker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/backoff.h"
#include "server/base/log.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

constexpr int kMostFailures = 5;
constexpr Backoff kBackoff = {absl::Seconds(1), absl::Seconds(30)};
// More than any call takes.
constexpr absl::Duration kTrialTime = absl::Seconds(10);
// What the others are told while a call tries.
constexpr absl::Duration kTrialWait = absl::Seconds(1);

absl::Status Unreachable(absl::Duration wait) {
  return Error(Reason::kWechatUnreachable,
               "WeChat did not answer the last calls of this kind, so nothing "
               "was sent; retry later, a login with the same code")
      // Errors tell milliseconds; one less would be too early.
      .RetryAfter(absl::Ceil(wait, absl::Milliseconds(1)))
      .ToStatus();
}

}  // namespace

Breakers::Breakers(Clock& clock, Random& random, Metrics& metrics)
    : clock_(clock), random_(random), metrics_(metrics) {}

absl::StatusOr<Breakers::Pass> Breakers::Enter(const Of& of) {
  const absl::Duration now = clock_.Monotonic();
  MutexLock lock(mutex_);
  Breaker& breaker = Find(of);
  if (breaker.state == State::kClosed) return Pass{breaker.epoch};
  if (now < breaker.until)
    return Unreachable(breaker.state == State::kOpen ? breaker.until - now
                                                     : kTrialWait);
  breaker.until = now + kTrialTime;
  Move(of, breaker, State::kHalfOpen);
  return Pass{breaker.epoch};
}

void Breakers::Leave(const Of& of, Pass pass, Outcome outcome,
                     const absl::Status& error) {
  MutexLock lock(mutex_);
  Breaker& breaker = Find(of);
  if (breaker.epoch != pass.epoch) return;
  switch (outcome) {
    case Outcome::kAnswered:
      breaker.failures = 0;
      if (breaker.state != State::kClosed) Close(of, breaker);
      return;
    case Outcome::kFailed:
      if (breaker.state == State::kClosed && ++breaker.failures < kMostFailures)
        return;
      Open(of, breaker, error);
      return;
    case Outcome::kUnknown:
      // The next call tries, for the time of being open is over.
      if (breaker.state == State::kClosed) return;
      breaker.until = clock_.Monotonic();
      Move(of, breaker, State::kOpen);
      return;
  }
}

std::vector<WechatApi::Breaker> Breakers::StatesOf(const std::string& app_id) {
  const absl::Duration now = clock_.Monotonic();
  std::vector<WechatApi::Breaker> states;
  MutexLock lock(mutex_);
  for (auto at = breakers_.lower_bound({app_id, ""});
       at != breakers_.end() && at->first.app_id == app_id; ++at) {
    const Breaker& breaker = at->second;
    WechatApi::Breaker& out = states.emplace_back();
    out.endpoint = at->first.endpoint;
    out.state = breaker.state;
    if (breaker.state == State::kOpen)
      out.retry_in = std::max(breaker.until - now, absl::ZeroDuration());
  }
  return states;
}

Breakers::Breaker& Breakers::Find(const Of& of) {
  const auto [found, added] = breakers_.try_emplace(of);
  if (added) Move(of, found->second, State::kClosed);
  return found->second;
}

void Breakers::Move(const Of& of, Breaker& breaker, State state) {
  breaker.state = state;
  ++breaker.epoch;
  const double value = state == State::kClosed ? 0
                       : state == State::kOpen ? 1
                                               : 2;
  metrics_.Set("wxident_breaker_state",
               {{"app_id", of.app_id}, {"endpoint", of.endpoint}}, value);
}

void Breakers::Close(const Of& of, Breaker& breaker) {
  breaker.openings = 0;
  Move(of, breaker, State::kClosed);
  Log(LogLevel::kInfo, "breaker_closed",
      {{"app_id", of.app_id}, {"endpoint", of.endpoint}});
}

void Breakers::Open(const Of& of, Breaker& breaker, const absl::Status& error) {
  const absl::Duration pause =
      absl::Ceil(Jittered(kBackoff.PauseAfter(breaker.openings), 0.5, 1.5,
                          ChanceOf(random_.Bytes(2))),
                 absl::Milliseconds(1));
  // What a call that tried again in vain adds is only the next pause.
  if (breaker.openings == 0)
    Log(LogLevel::kWarning, "breaker_opened",
        {{"app_id", of.app_id},
         {"endpoint", of.endpoint},
         {"cause", std::string(ReasonName(DetailsOf(error).reason))},
         {"failures", absl::StrCat(kMostFailures)},
         {"pause", absl::FormatDuration(pause)}});
  ++breaker.openings;
  breaker.failures = 0;
  breaker.until = clock_.Monotonic() + pause;
  Move(of, breaker, State::kOpen);
}

}  // namespace wxident

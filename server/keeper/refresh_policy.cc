#include "server/keeper/refresh_policy.h"

#include <algorithm>
#include <optional>

#include "server/base/backoff.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// WeChat keeps the old token valid beside the new one for 5 minutes, and in
// stable mode gives a new one only in the last 5 minutes (wechat-api 5 and 6).
constexpr absl::Duration kOverlap = absl::Minutes(5);
constexpr absl::Duration kMostJitter = absl::Minutes(1);
constexpr absl::Duration kLeastRefreshIn = absl::Seconds(30);

constexpr absl::Duration kFirstPause = absl::Seconds(1);

// Whether asking again soon cannot change the answer.
bool IsLasting(const absl::Status& error) {
  return HasReason(error, Reason::kAppMisconfigured) ||
         HasReason(error, Reason::kApiUnauthorized) ||
         HasReason(error, Reason::kTokenBudgetExhausted) ||
         HasReason(error, Reason::kWechatRateLimited);
}

}  // namespace

absl::Duration RefreshIn(CredentialKind kind, absl::Duration life,
                         Random& random) {
  const absl::Duration jitter =
      Jittered(kMostJitter, 0, 1, ChanceOf(random.Bytes(1)));
  const absl::Duration early = kind == CredentialKind::kStableToken
                                   ? kOverlap - jitter
                                   : kOverlap + jitter;
  // A value may come with less life than the overlap.
  return std::max(life - early, kLeastRefreshIn);
}

absl::Duration PauseAfter(CredentialKind kind, int failures,
                          const absl::Status& error) {
  if (IsLasting(error)) {
    const std::optional<absl::Duration> wait = DetailsOf(error).retry_after;
    return std::clamp(wait.value_or(kLongestPause), kLongestPause,
                      kLongestUnknownPause);
  }
  const absl::Duration longest =
      kind == CredentialKind::kOrdinaryToken && OutcomeUnknown(error)
          ? kLongestUnknownPause
          : kLongestPause;
  return Backoff{kFirstPause, longest}.PauseAfter(failures);
}

bool OutcomeUnknown(const absl::Status& error) {
  return HasReason(error, Reason::kOutcomeUnknown) ||
         HasReason(error, Reason::kWechatBadResponse) ||
         HasReason(error, Reason::kDeadlinePassed);
}

absl::Status OutOfBudget(CredentialKind kind, const CredentialState& state,
                         bool forced) {
  if (kind == CredentialKind::kOrdinaryToken &&
      state.fetches_today >= kOrdinaryFetchesPerDay)
    return Error(Reason::kTokenBudgetExhausted,
                 "WeChat allows 2000 fetches of cgi-bin/token a day, and they "
                 "are used up; retry when its next day begins, or set "
                 "token_mode: stable")
        .RetryAfter(state.day_left)
        .ToStatus();
  if (!forced) return absl::OkStatus();
  absl::Duration wait = kForcedFetchesApart - state.since_forced;
  if (state.forced_today >= kForcedFetchesPerDay)
    wait = std::max(wait, state.day_left);
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  return Error(Reason::kTokenBudgetExhausted,
               "WeChat allows 20 forced token refreshes a day, 30 s apart; "
               "retry later")
      .RetryAfter(wait)
      .ToStatus();
}

absl::Status OtherReplicaFetches() {
  return Error(Reason::kWechatBusy,
               "another replica waits for WeChat's answer; retry")
      .RetryAfter(absl::Seconds(1))
      .ToStatus();
}

}  // namespace wxident

// The steps of CredentialKeeper's flight, in the order of time.

#include <algorithm>
#include <string>
#include <utility>

#include "server/base/backoff.h"
#include "server/base/log.h"
#include "server/identity/error.h"
#include "server/keeper/credential_keeper.h"
#include "server/keeper/refresh_policy.h"

namespace wxident {
namespace {

// A lease must outlive what is done under it: asking the store, asking WeChat,
// saving. Deadlines are on the monotonic clock, which a stopped process does
// not stop, so that one that wakes after its lease sends nothing.
constexpr absl::Duration kStoreBudget = absl::Seconds(2);
// A little more than the longest attempt of WechatApi, so that it is that limit
// which ends a silent one: DEADLINE_PASSED is for a caller's deadline.
constexpr absl::Duration kTokenBudget = absl::Milliseconds(5100);
constexpr absl::Duration kTokenTerm = absl::Seconds(10);
// A ticket may have to wait for a token first.
constexpr absl::Duration kTicketBudget = absl::Seconds(14);
constexpr absl::Duration kTicketTerm = absl::Seconds(20);
// Before the store is asked again by who needs a value.
constexpr absl::Duration kStorePause = absl::Seconds(1);
// Between questions whether another replica has finished.
constexpr Backoff kPoll = {absl::Milliseconds(20), absl::Milliseconds(200)};

}  // namespace

void CredentialKeeper::Acquire(FlightPtr flight) {
  LeaseRequest request;
  request.key = key_;
  request.known_generation = flight->known;
  request.replace = flight->replace;
  request.forced = flight->forced;
  request.term =
      key_.kind == CredentialKind::kJsapiTicket ? kTicketTerm : kTokenTerm;
  request.attempt = parts_.random.Bytes(16);
  flight->asked_store = Now();
  parts_.store.Acquire(std::move(request),
                       Deadline::After(kStoreBudget, parts_.clock),
                       [this, flight](absl::StatusOr<LeaseAnswer> answer) {
                         OnLease(flight, std::move(answer));
                       });
}

void CredentialKeeper::OnLease(FlightPtr flight,
                               absl::StatusOr<LeaseAnswer> answer) {
  if (!answer.ok())
    return FetchLocalFallback(std::move(flight), answer.status());
  CredentialState& state = answer->state;
  bool learned = false;
  {
    MutexLock lock(mutex_);
    no_fallback_before_ = -absl::InfiniteDuration();
    learned = Learn(state, flight->asked_store);
    flight->failures = state.failures;
  }
  if (!answer->fence.has_value())
    return OnDenied(std::move(flight), state, learned);
  flight->fence = *answer->fence;
  Ask(std::move(flight));
}

void CredentialKeeper::OnDenied(FlightPtr flight, const CredentialState& state,
                                bool learned) {
  if (flight->after_lost_write && state.generation != flight->known) {
    // What the other one has fetched is what is in doubt.
    flight->known = state.generation;
    return Acquire(std::move(flight));
  }
  // Another replica was faster.
  if (learned || state.generation != flight->known)
    return Finish(std::move(flight), absl::OkStatus());
  if (state.lease_left > absl::ZeroDuration())
    return WaitForOther(std::move(flight));
  if (state.pause_left > absl::ZeroDuration()) {
    absl::Status noted = NotedFailure(state);
    Pause(noted, state.pause_left);
    return Finish(std::move(flight), std::move(noted));
  }
  if (absl::Status spent = OutOfBudget(key_.kind, state, flight->forced);
      !spent.ok()) {
    // An operator's wish that cannot be met changes nothing for readers.
    if (!flight->forced) Pause(spent, kLongestPause);
    return Finish(std::move(flight), std::move(spent));
  }
  if (!flight->replace && state.until_refresh > absl::ZeroDuration())
    return Finish(std::move(flight), absl::OkStatus());
  // Granted to another replica while this one asked.
  WaitForOther(std::move(flight));
}

void CredentialKeeper::WaitForOther(FlightPtr flight) {
  MutexLock lock(mutex_);
  const bool usable = held_.Usable(absl::ZeroDuration(), Now());
  lock.Unlock();
  // Who has a value need not wait; the other's will be heard of.
  if (usable && !flight->replace)
    return Finish(std::move(flight), absl::OkStatus());
  const absl::Duration wait = kPoll.PauseAfter(flight->polls++);
  if (Now() + wait > flight->give_up || parts_.in_flight->stopping())
    return Finish(std::move(flight), OtherReplicaFetches());
  parts_.timer.After(wait, [this, flight] { Acquire(flight); });
}

void CredentialKeeper::Ask(FlightPtr flight) {
  flight->asked_wechat = Now();
  fetch_(flight->forced, Deadline::After(FetchBudget(), parts_.clock),
         [this, flight](absl::StatusOr<FetchedToken> answer) {
           OnFetched(flight, std::move(answer));
         });
}

void CredentialKeeper::OnFetched(FlightPtr flight,
                                 absl::StatusOr<FetchedToken> answer) {
  if (!answer.ok()) return OnFailed(std::move(flight), answer.status());
  if (flight->refused == answer->value)
    return OnSameTokenReturned(std::move(flight));
  Save(std::move(flight), *std::move(answer));
}

// In its normal mode stable_token repeats a token until its last minutes, also
// one that other APIs have begun to refuse.
void CredentialKeeper::OnSameTokenReturned(FlightPtr flight) {
  if (flight->forced || key_.kind != CredentialKind::kStableToken) {
    return OnFailed(std::move(flight),
                    Error(Reason::kWechatBadResponse,
                          "WeChat gave the value that it refuses once more")
                        .ToStatus());
  }
  parts_.store.CountForced(
      key_, flight->fence, kTokenTerm,
      Deadline::After(kStoreBudget, parts_.clock),
      [this,
       flight](absl::StatusOr<CredentialStore::ForcedAnswer> answer) mutable {
        if (!answer.ok()) return OnFailed(std::move(flight), answer.status());
        if (!answer->allowed) {
          const absl::Status spent =
              OutOfBudget(key_.kind, answer->state, /*forced=*/true);
          if (spent.ok()) return LostWrite(std::move(flight));
          return OnFailed(
              std::move(flight), spent,
              std::min(*DetailsOf(spent).retry_after, kLongestPause));
        }
        flight->forced = true;
        Ask(std::move(flight));
      });
}

void CredentialKeeper::OnFailed(FlightPtr flight, const absl::Status& error,
                                std::optional<absl::Duration> pause) {
  const ErrorDetails details = DetailsOf(error);
  CredentialFailure failure;
  failure.reason = std::string(ReasonName(details.reason));
  failure.errcode = details.Fact("errcode");
  failure.pause = pause.has_value()
                      ? *pause
                      : PauseAfter(key_.kind, flight->failures, error);
  failure.outcome_unknown = OutcomeUnknown(error);
  Log(LogLevel::kWarning, "credential not fetched",
      {{"app_id", key_.app_id},
       {"kind", NameOf(key_.kind)},
       {"reason", failure.reason},
       {"errcode", failure.errcode}});
  Count("failed");
  Pause(error, failure.pause);
  // If the store does not hear of it, the lease runs out by itself.
  parts_.store.Fail(key_, flight->fence, std::move(failure),
                    Deadline::After(kStoreBudget, parts_.clock),
                    [this, flight, error](absl::Status) mutable {
                      Finish(std::move(flight), error);
                    });
}

void CredentialKeeper::Save(FlightPtr flight, FetchedToken fetched) {
  auto kept = std::make_shared<const FetchedToken>(std::move(fetched));
  bool same = false;
  {
    MutexLock lock(mutex_);
    same = held_.token() != nullptr && !held_.is_local() &&
           held_.known() == flight->known &&
           held_.token()->token == kept->value;
  }
  // Its life began at the latest when WeChat was asked.
  const absl::Duration life = kept->expires_in - (Now() - flight->asked_wechat);
  FetchedCredential credential;
  if (!same) credential.value = kept->value;
  credential.life = life;
  credential.until_refresh = RefreshIn(key_.kind, life, parts_.random);
  flight->asked_store = Now();
  parts_.store.Save(
      key_, flight->fence, flight->known, std::move(credential),
      Deadline::After(kStoreBudget, parts_.clock),
      [this, flight, kept, same](absl::StatusOr<SaveAnswer> answer) {
        OnSaved(flight, kept, same, std::move(answer));
      });
}

void CredentialKeeper::OnSaved(FlightPtr flight,
                               std::shared_ptr<const FetchedToken> fetched,
                               bool same, absl::StatusOr<SaveAnswer> answer) {
  if (!answer.ok()) {
    // The value is good, and readers need not wait for the store.
    Count("unsaved");
    Unsaved unsaved{flight->fence, flight->known, std::nullopt,
                    flight->asked_wechat + fetched->expires_in};
    if (!same) unsaved.value = fetched->value;
    MutexLock lock(mutex_);
    // A successor's value, if it was heard of meanwhile, is the stored one.
    if (!same && held_.known() == flight->known)
      HoldLocalFallback(fetched->value, unsaved.dies_at);
    unsaved_ = std::move(unsaved);
    lock.Unlock();
    return Finish(std::move(flight), absl::OkStatus());
  }
  if (answer->kept && !same) answer->state.value = fetched->value;
  MutexLock lock(mutex_);
  Learn(answer->state, flight->asked_store);
  lock.Unlock();
  if (!answer->kept) return LostWrite(std::move(flight));
  Count(same ? "same" : "new");
  if (same && flight->forced) {
    return Finish(std::move(flight),
                  Error(Reason::kWechatBadResponse,
                        "WeChat did not replace the token; retry after 30 s")
                      .RetryAfter(kForcedFetchesApart)
                      .ToStatus());
  }
  Finish(std::move(flight), absl::OkStatus());
}

// Another replica has taken the lease over, so two fetches overlapped. WeChat
// keeps a stable token or a ticket the same for both. Of two ordinary tokens
// the one that was issued last kills the other, and nobody knows which one that
// is: a third fetch, under a new lease, ends the doubt.
void CredentialKeeper::LostWrite(FlightPtr flight) {
  Log(LogLevel::kWarning, "lease lost: another replica fetched meanwhile",
      {{"app_id", key_.app_id}, {"kind", NameOf(key_.kind)}});
  parts_.metrics.Count("wxident_keeper_lost_writes_total", Labels());
  // A process that was stopped has nothing left of its time.
  flight->give_up = Now() + kLongestWait;
  if (key_.kind != CredentialKind::kOrdinaryToken || flight->after_lost_write)
    return WaitForOther(std::move(flight));
  flight->after_lost_write = true;
  flight->replace = true;
  {
    MutexLock lock(mutex_);
    flight->known = held_.known();
  }
  Acquire(std::move(flight));
}

void CredentialKeeper::FetchLocalFallback(FlightPtr flight,
                                          absl::Status store_error) {
  MutexLock lock(mutex_);
  const absl::Duration now = Now();
  const bool needed = !held_.refused() && now >= no_fallback_before_ &&
                      !held_.Usable(HeldCredential::kLeastLife, now);
  lock.Unlock();
  if (!needed) {
    Pause(store_error, kStorePause);
    return Finish(std::move(flight), std::move(store_error));
  }
  flight->forced = false;
  flight->asked_wechat = now;
  fetch_(/*force=*/false, Deadline::After(FetchBudget(), parts_.clock),
         [this, flight](absl::StatusOr<FetchedToken> answer) {
           OnLocalFallbackFetched(flight, std::move(answer));
         });
}

void CredentialKeeper::OnLocalFallbackFetched(
    FlightPtr flight, absl::StatusOr<FetchedToken> answer) {
  Count(answer.ok() ? "alone" : "failed");
  if (answer.ok()) {
    MutexLock lock(mutex_);
    HoldLocalFallback(std::move(answer->value),
                      flight->asked_wechat + answer->expires_in);
    lock.Unlock();
    return Finish(std::move(flight), absl::OkStatus());
  }
  Pause(answer.status(), kLongestPause);
  if (OutcomeUnknown(answer.status())) {
    MutexLock lock(mutex_);
    no_fallback_before_ = Now() + kLongestUnknownPause;
  }
  Finish(std::move(flight), answer.status());
}

void CredentialKeeper::HoldLocalFallback(Secret value, absl::Duration dies_at) {
  const absl::Time expires_at = parts_.clock.Now() + (dies_at - Now());
  held_.Hold({std::move(value), expires_at, 0}, dies_at);
  no_fallback_before_ = dies_at - HeldCredential::kLeastLife;
}

void CredentialKeeper::SaveLate(FlightPtr flight, Unsaved unsaved) {
  if (!MayRun()) return;
  flight->fence = unsaved.fence;
  flight->known = unsaved.known;
  flight->asked_store = Now();
  FetchedCredential credential;
  credential.value = unsaved.value;
  credential.life = unsaved.dies_at - Now();
  credential.until_refresh =
      RefreshIn(key_.kind, credential.life, parts_.random);
  parts_.store.Save(key_, flight->fence, flight->known, std::move(credential),
                    Deadline::After(kStoreBudget, parts_.clock),
                    [this, flight, unsaved = std::move(unsaved)](
                        absl::StatusOr<SaveAnswer> answer) {
                      MutexLock lock(mutex_);
                      if (!answer.ok()) {
                        unsaved_ = unsaved;
                        lock.Unlock();
                        return Finish(flight, absl::OkStatus());
                      }
                      no_fallback_before_ = -absl::InfiniteDuration();
                      if (answer->kept && unsaved.value.has_value())
                        answer->state.value = *unsaved.value;
                      Learn(answer->state, flight->asked_store);
                      lock.Unlock();
                      if (!answer->kept) return LostWrite(flight);
                      Finish(flight, absl::OkStatus());
                    });
}

absl::Duration CredentialKeeper::FetchBudget() const {
  return key_.kind == CredentialKind::kJsapiTicket ? kTicketBudget
                                                   : kTokenBudget;
}

}  // namespace wxident

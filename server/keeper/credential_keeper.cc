#include "server/keeper/credential_keeper.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/base/log.h"
#include "server/identity/error.h"
#include "server/keeper/refresh_policy.h"

namespace wxident {

CredentialKeeper::CredentialKeeper(CredentialKey key, Fetch fetch, Parts parts,
                                   std::function<void()> on_new)
    : key_(std::move(key)),
      fetch_(std::move(fetch)),
      parts_(std::move(parts)),
      on_new_(std::move(on_new)) {}

std::shared_ptr<const AccessToken> CredentialKeeper::Held() const {
  MutexLock lock(mutex_);
  return held_.Usable(absl::ZeroDuration(), Now()) ? held_.token() : nullptr;
}

KnownCredential CredentialKeeper::known() const {
  MutexLock lock(mutex_);
  return {key_, held_.known()};
}

void CredentialKeeper::Get(const std::optional<Secret>& rejected,
                           std::optional<Deadline> deadline,
                           Done<AccessToken> done) {
  MutexLock lock(mutex_);
  const absl::Duration now = Now();
  const bool reported = rejected.has_value() && held_.Refuse(*rejected);
  // Neither the present value nor a former one: perhaps the store knows it as
  // the newest.
  const bool unheard_of =
      rejected.has_value() && !reported && !held_.IsFormer(*rejected);
  if (!unheard_of && held_.Good(now)) {
    std::shared_ptr<const AccessToken> token = held_.token();
    lock.Unlock();
    return std::move(done)(*token);
  }
  const bool usable = held_.Usable(absl::ZeroDuration(), now);
  if (!single_flight_.running() && held_.Paused(now) &&
      !(unheard_of && usable)) {
    // The last attempt failed a moment ago. What is left of an old value is
    // better than an error, but for who has just seen it refused.
    absl::StatusOr<AccessToken> answer = held_.last_error();
    if (usable && !reported) answer = *held_.token();
    lock.Unlock();
    return std::move(done)(std::move(answer));
  }
  FlightPtr flight;
  if (single_flight_.Begin({rejected, std::nullopt, deadline, std::move(done)}))
    flight = MakeFlight(/*forced=*/false);
  lock.Unlock();
  if (deadline.has_value()) ExpireAt(*deadline);
  if (flight != nullptr) Run(std::move(flight));
}

void CredentialKeeper::ExpireAt(Deadline deadline) {
  parts_.timer.After(
      std::max(deadline.Left(parts_.clock), absl::ZeroDuration()),
      [this, in_flight = parts_.in_flight] {
        // The keeper may be gone.
        if (!in_flight->Begin()) return;
        Expire();
        in_flight->End();
      });
}

void CredentialKeeper::Expire() {
  Waiters expired;
  {
    MutexLock lock(mutex_);
    expired = single_flight_.TakeOut([this](const Waiter& waiter) {
      return waiter.deadline.has_value() &&
             waiter.deadline->Passed(parts_.clock);
    });
  }
  for (Waiter& waiter : expired)
    std::move(waiter.done)(
        Error(Reason::kDeadlinePassed,
              "the deadline passed before WeChat's answer came; retry with a "
              "later one")
            .ToStatus());
}

void CredentialKeeper::Replace(Done<AccessToken> done) {
  MutexLock lock(mutex_);
  if (!single_flight_.Begin(
          {std::nullopt, held_.known(), std::nullopt, std::move(done)}))
    return;
  FlightPtr flight = MakeFlight(/*forced=*/true);
  lock.Unlock();
  Run(std::move(flight));
}

CredentialKeeper::FlightPtr CredentialKeeper::MakeFlight(bool forced) {
  auto flight = std::make_shared<Flight>();
  flight->forced = forced && key_.kind == CredentialKind::kStableToken;
  // A value that this replica fetched for itself is nobody else's.
  flight->replace =
      forced || held_.refused() || held_.is_local() || held_.unreadable();
  if (held_.refused()) flight->refused = held_.token()->token;
  flight->known = held_.known();
  flight->give_up = Now() + kLongestWait;
  return flight;
}

void CredentialKeeper::Run(FlightPtr flight) {
  if (MayRun()) Acquire(std::move(flight));
}

bool CredentialKeeper::MayRun() {
  if (parts_.in_flight->Begin()) return true;
  Waiters waiters;
  {
    MutexLock lock(mutex_);
    waiters = single_flight_.Finish();
  }
  for (Waiter& waiter : waiters)
    std::move(waiter.done)(
        Error(Reason::kStoreUnavailable, "this server is stopping; ask another")
            .ToStatus());
  return false;
}

void CredentialKeeper::Observe(CredentialState state, absl::Duration asked) {
  MutexLock lock(mutex_);
  Learn(state, asked);
  const bool news = TakeNews();
  FlightPtr flight;
  std::optional<Unsaved> unsaved;
  const bool due =
      unsaved_.has_value() ||
      (state.generation > 0 && !held_.Paused(Now()) &&
       state.lease_left <= absl::ZeroDuration() &&
       (held_.is_local() || held_.unreadable() || state.abandoned ||
        state.until_refresh <= absl::ZeroDuration()));
  if (due && single_flight_.Begin()) {
    unsaved = std::exchange(unsaved_, std::nullopt);
    flight = MakeFlight(/*forced=*/false);
  }
  lock.Unlock();
  if (news) on_new_();
  if (flight == nullptr) return;
  if (unsaved.has_value())
    return SaveLate(std::move(flight), *std::move(unsaved));
  Run(std::move(flight));
}

void CredentialKeeper::ObserveStoreLost() {
  MutexLock lock(mutex_);
  // Readers wait for nobody in the last minute of a value.
  const absl::Duration now = Now();
  if (held_.token() == nullptr || held_.Paused(now) ||
      held_.Usable(HeldCredential::kLeastLife, now) || !single_flight_.Begin())
    return;
  FlightPtr flight = MakeFlight(/*forced=*/false);
  lock.Unlock();
  Run(std::move(flight));
}

void CredentialKeeper::Finish(FlightPtr flight, absl::Status error) {
  Waiters waiters;
  bool news = false;
  {
    MutexLock lock(mutex_);
    waiters = single_flight_.Finish();
    news = TakeNews();
  }
  // Also after a failure: the flight may have heard of another's token.
  if (news) on_new_();
  Waiters unsatisfied = Answer(std::move(waiters), flight->forced, error);
  for (Waiter& waiter : unsatisfied) {
    if (waiter.replaced.has_value())
      Replace(std::move(waiter.done));
    else
      Get(waiter.rejected, waiter.deadline, std::move(waiter.done));
  }
  parts_.in_flight->End();
}

CredentialKeeper::Waiters CredentialKeeper::Answer(Waiters waiters, bool forced,
                                                   const absl::Status& error) {
  std::shared_ptr<const AccessToken> held;
  absl::Status failure = error;
  {
    MutexLock lock(mutex_);
    if (held_.Usable(absl::ZeroDuration(), Now())) held = held_.token();
    if (failure.ok())
      failure = held != nullptr || held_.last_error().ok()
                    ? OtherReplicaFetches()
                    : held_.last_error();
  }
  Waiters unsatisfied;
  for (Waiter& waiter : waiters) {
    const bool reports = held != nullptr && waiter.rejected == held->token;
    const bool wants_other =
        waiter.replaced.has_value() &&
        (held == nullptr || held->generation == *waiter.replaced);
    if (error.ok() && (reports || (wants_other && !forced))) {
      unsatisfied.push_back(std::move(waiter));
    } else if (held != nullptr && !reports && !wants_other) {
      std::move(waiter.done)(*held);
    } else {
      std::move(waiter.done)(failure);
    }
  }
  return unsatisfied;
}

bool CredentialKeeper::TakeNews() {
  if (announced_ == held_.token()) return false;
  announced_ = held_.token();
  return true;
}

bool CredentialKeeper::Learn(const CredentialState& state,
                             absl::Duration asked) {
  const bool was_unreadable = held_.unreadable();
  const bool is_new = held_.Learn(state, asked, parts_.clock.Monotonic());
  if (held_.unreadable() && !was_unreadable) {
    Log(LogLevel::kError, "stored credential not read; a new one is fetched",
        {{"app_id", key_.app_id},
         {"kind", NameOf(key_.kind)},
         {"reason",
          std::string(ReasonName(DetailsOf(state.value.status()).reason))}});
  }
  if (is_new) {
    const AccessToken& token = *held_.token();
    parts_.metrics.Set(
        "wxident_token_expiry_timestamp_seconds", Labels(),
        absl::ToDoubleSeconds(token.expires_at - absl::UnixEpoch()));
    parts_.metrics.Set("wxident_token_generation", Labels(),
                       static_cast<double>(token.generation));
  }
  return is_new;
}

void CredentialKeeper::Pause(const absl::Status& error, absl::Duration pause) {
  MutexLock lock(mutex_);
  held_.Pause(error, Now() + pause);
}

MetricLabels CredentialKeeper::Labels() const {
  return {{"app_id", key_.app_id}, {"kind", NameOf(key_.kind)}};
}

void CredentialKeeper::Count(absl::string_view outcome) {
  MetricLabels labels = Labels();
  labels.emplace_back("outcome", outcome);
  parts_.metrics.Count("wxident_keeper_fetches_total", labels);
}

}  // namespace wxident

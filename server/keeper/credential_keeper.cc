#include "server/keeper/credential_keeper.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// A lease must outlive what is done under it: asking the store, asking WeChat,
// saving. Deadlines are on the monotonic clock, which a stopped process does
// not stop, so that one that wakes after its lease sends nothing.
constexpr absl::Duration kStoreBudget = absl::Seconds(2);
constexpr absl::Duration kTokenBudget = absl::Seconds(5);
constexpr absl::Duration kTokenTerm = absl::Seconds(10);
// A ticket may have to wait for a token first.
constexpr absl::Duration kTicketBudget = absl::Seconds(14);
constexpr absl::Duration kTicketTerm = absl::Seconds(20);
// How long a flight waits for another replica's.
constexpr absl::Duration kLongestWait = absl::Seconds(12);
constexpr absl::Duration kFirstPoll = absl::Milliseconds(20);
constexpr absl::Duration kLongestPoll = absl::Milliseconds(200);

// WeChat keeps the old token valid beside the new one for 5 minutes, and in
// stable mode gives a new one only in the last 5 minutes (wechat-api 5 and 6).
constexpr absl::Duration kOverlap = absl::Minutes(5);
constexpr absl::Duration kJitter = absl::Minutes(1);
constexpr absl::Duration kLeastRefreshIn = absl::Seconds(30);

// A value with less life than this is handed out only if no better can be had.
constexpr absl::Duration kLeastLife = absl::Seconds(60);

constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Seconds(30);
// Of cgi-bin/token when replies get lost: each try may have used one of the
// 2000 fetches of the day, so that no more than 720 may be spent on it.
constexpr absl::Duration kLongestUnknownPause = absl::Minutes(2);

// How many former values a late report is recognised by.
constexpr size_t kFormer = 4;

// Whether asking again soon cannot change the answer.
bool IsLasting(const absl::Status& error) {
  return HasReason(error, Reason::kAppMisconfigured) ||
         HasReason(error, Reason::kApiUnauthorized) ||
         HasReason(error, Reason::kTokenBudgetExhausted) ||
         HasReason(error, Reason::kWechatRateLimited);
}

// Whether WeChat may have issued a value that nobody has heard of.
bool OutcomeUnknown(const absl::Status& error) {
  return HasReason(error, Reason::kOutcomeUnknown) ||
         HasReason(error, Reason::kWechatBadResponse) ||
         HasReason(error, Reason::kDeadlinePassed);
}

std::string ErrcodeOf(const ErrorDetails& details) {
  auto found = details.metadata.find("errcode");
  return found == details.metadata.end() ? "" : found->second;
}

const char* NameOf(CredentialKind kind) {
  switch (kind) {
    case CredentialKind::kStableToken:
      return "stable_token";
    case CredentialKind::kOrdinaryToken:
      return "ordinary_token";
    case CredentialKind::kJsapiTicket:
      return "jsapi_ticket";
  }
  return "";
}

// The failure that another replica, or this one before its start, has noted.
absl::Status NotedFailure(const CredentialState& state) {
  Error error(
      ReasonNamed(state.failure_reason).value_or(Reason::kInternalFault),
      absl::StrCat("the last attempt to fetch this failed with ",
                   state.failure_reason, "; it is repeated soon"));
  if (!state.failure_errcode.empty())
    error = std::move(error).With("errcode", state.failure_errcode);
  return std::move(error).RetryAfter(state.pause_left).ToStatus();
}

absl::Status OtherReplicaAsks() {
  return Error(Reason::kWechatBusy,
               "another replica waits for WeChat's answer; retry")
      .RetryAfter(absl::Seconds(1))
      .ToStatus();
}

}  // namespace

CredentialKeeper::CredentialKeeper(CredentialKey key, Fetch fetch, Parts parts,
                                   std::function<void()> on_new)
    : key_(std::move(key)),
      fetch_(std::move(fetch)),
      parts_(std::move(parts)),
      on_new_(std::move(on_new)) {}

absl::Duration CredentialKeeper::LifeLeft() const {
  return dies_at_ - parts_.clock.Monotonic();
}

bool CredentialKeeper::Usable(absl::Duration least_life) const {
  return held_ != nullptr && LifeLeft() > least_life;
}

bool CredentialKeeper::Paused() const {
  return parts_.clock.Monotonic() < pause_until_;
}

bool CredentialKeeper::IsFormer(const Secret& value) const {
  return std::find(former_.begin(), former_.end(), value) != former_.end();
}

std::shared_ptr<const AccessToken> CredentialKeeper::Held() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return Usable(absl::ZeroDuration()) ? held_ : nullptr;
}

KnownCredential CredentialKeeper::known() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {key_, known_};
}

void CredentialKeeper::Get(const std::optional<Secret>& rejected,
                           Done<AccessToken> done) {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool reported =
      rejected.has_value() && held_ != nullptr && *rejected == held_->token;
  if (reported) refused_ = true;
  // Neither the present value nor a former one: perhaps the store knows it as
  // the newest.
  const bool unheard_of =
      rejected.has_value() && !reported && !IsFormer(*rejected);
  // In its last minute a value is good while its refresh is not due yet, and
  // after a failed refresh.
  if (!unheard_of && !refused_ &&
      (Usable(kLeastLife) ||
       (Usable(absl::ZeroDuration()) &&
        (failures_ > 0 || parts_.clock.Monotonic() < due_at_)))) {
    std::shared_ptr<const AccessToken> held = held_;
    lock.unlock();
    return std::move(done)(*held);
  }
  if (!flying_ && Paused() && (!unheard_of || !Usable(absl::ZeroDuration()))) {
    // The last attempt failed a moment ago. What is left of an old value is
    // better than an error, but for who has just seen it refused.
    absl::StatusOr<AccessToken> answer = last_error_;
    if (!reported && Usable(absl::ZeroDuration())) answer = *held_;
    lock.unlock();
    return std::move(done)(std::move(answer));
  }
  waiters_.push_back({rejected, std::nullopt, std::move(done)});
  if (flying_) return;
  FlightPtr flight = TakeOff(/*forced=*/false);
  lock.unlock();
  Fly(std::move(flight));
}

void CredentialKeeper::Replace(Done<AccessToken> done) {
  std::unique_lock<std::mutex> lock(mutex_);
  waiters_.push_back({std::nullopt, known_, std::move(done)});
  if (flying_) return;
  FlightPtr flight = TakeOff(/*forced=*/true);
  lock.unlock();
  Fly(std::move(flight));
}

CredentialKeeper::FlightPtr CredentialKeeper::TakeOff(bool forced) {
  flying_ = true;
  auto flight = std::make_shared<Flight>();
  flight->forced = forced && key_.kind == CredentialKind::kStableToken;
  // A value that this replica fetched for itself is nobody else's.
  const bool alone = held_ != nullptr && held_->generation == 0;
  flight->replace = forced || refused_ || alone || unreadable_;
  if (refused_) flight->refused = held_->token;
  flight->known = known_;
  flight->give_up = parts_.clock.Monotonic() + kLongestWait;
  flight->poll = kFirstPoll;
  return flight;
}

void CredentialKeeper::Fly(FlightPtr flight) {
  if (!parts_.flights->Begin()) {
    // The owner ends: nothing may be begun for it.
    Waiters waiters;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      flying_ = false;
      waiters.swap(waiters_);
    }
    for (Waiter& waiter : waiters)
      std::move(waiter.done)(Error(Reason::kStoreUnavailable,
                                   "this server is stopping; ask another")
                                 .ToStatus());
    return;
  }
  Acquire(std::move(flight));
}

void CredentialKeeper::Acquire(FlightPtr flight) {
  LeaseRequest request;
  request.key = key_;
  request.known_generation = flight->known;
  request.replace = flight->replace;
  request.forced = flight->forced;
  request.term =
      key_.kind == CredentialKind::kJsapiTicket ? kTicketTerm : kTokenTerm;
  request.attempt = parts_.random.Bytes(16);
  flight->asked_store = parts_.clock.Monotonic();
  parts_.store.Acquire(std::move(request),
                       Deadline::After(kStoreBudget, parts_.clock),
                       [this, flight](absl::StatusOr<LeaseAnswer> answer) {
                         OnLease(flight, std::move(answer));
                       });
}

void CredentialKeeper::OnLease(FlightPtr flight,
                               absl::StatusOr<LeaseAnswer> answer) {
  if (!answer.ok()) return FetchAlone(std::move(flight), answer.status());
  CredentialState& state = answer->state;
  bool learned = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    alone_not_before_ = -absl::InfiniteDuration();
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
    return Land(std::move(flight), absl::OkStatus());
  if (state.lease_left > absl::ZeroDuration())
    return WaitForOther(std::move(flight));
  if (state.pause_left > absl::ZeroDuration()) {
    absl::Status noted = NotedFailure(state);
    std::unique_lock<std::mutex> lock(mutex_);
    Pause(noted, state.pause_left);
    lock.unlock();
    return Land(std::move(flight), std::move(noted));
  }
  if (absl::Status spent = OutOfBudget(state, flight->forced); !spent.ok()) {
    std::unique_lock<std::mutex> lock(mutex_);
    Pause(spent, kLongestPause);
    lock.unlock();
    return Land(std::move(flight), std::move(spent));
  }
  if (!flight->replace && state.until_refresh > absl::ZeroDuration())
    return Land(std::move(flight), absl::OkStatus());
  // Granted to another replica while this one asked.
  WaitForOther(std::move(flight));
}

void CredentialKeeper::WaitForOther(FlightPtr flight) {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool usable = Usable(absl::ZeroDuration());
  lock.unlock();
  // Who has a value need not wait; the other's will be heard of.
  if (usable && !flight->replace)
    return Land(std::move(flight), absl::OkStatus());
  if (parts_.clock.Monotonic() + flight->poll > flight->give_up ||
      parts_.flights->stopping())
    return Land(std::move(flight), OtherReplicaAsks());
  const absl::Duration wait = flight->poll;
  flight->poll = std::min(flight->poll * 2, kLongestPoll);
  parts_.timer.After(wait, [this, flight] { Acquire(flight); });
}

void CredentialKeeper::Ask(FlightPtr flight) {
  flight->asked_wechat = parts_.clock.Monotonic();
  const absl::Duration budget =
      key_.kind == CredentialKind::kJsapiTicket ? kTicketBudget : kTokenBudget;
  fetch_(flight->forced, Deadline::After(budget, parts_.clock),
         [this, flight](absl::StatusOr<FetchedToken> answer) {
           OnFetched(flight, std::move(answer));
         });
}

void CredentialKeeper::OnFetched(FlightPtr flight,
                                 absl::StatusOr<FetchedToken> answer) {
  if (!answer.ok()) return OnFailed(std::move(flight), answer.status());
  if (flight->refused == answer->access_token)
    return OnInsisted(std::move(flight));
  Save(std::move(flight), *std::move(answer));
}

// In its normal mode stable_token repeats a token until its last minutes, also
// one that other APIs have begun to refuse.
void CredentialKeeper::OnInsisted(FlightPtr flight) {
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
              OutOfBudget(answer->state, /*forced=*/true);
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
  failure.errcode = ErrcodeOf(details);
  failure.pause =
      pause.has_value() ? *pause : NextPause(flight->failures, error);
  failure.outcome_unknown = OutcomeUnknown(error);
  Log(LogLevel::kWarning, "credential not fetched",
      {{"app_id", key_.app_id},
       {"kind", NameOf(key_.kind)},
       {"reason", failure.reason},
       {"errcode", failure.errcode}});
  Count("failed");
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Pause(error, failure.pause);
  }
  // If the store does not hear of it, the lease runs out by itself.
  parts_.store.Fail(key_, flight->fence, std::move(failure),
                    Deadline::After(kStoreBudget, parts_.clock),
                    [this, flight, error](absl::Status) mutable {
                      Land(std::move(flight), std::move(error));
                    });
}

void CredentialKeeper::Save(FlightPtr flight, FetchedToken fetched) {
  auto kept = std::make_shared<const FetchedToken>(std::move(fetched));
  bool same = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    same = held_ != nullptr && held_->generation == flight->known &&
           held_->token == kept->access_token;
  }
  // Its life began at the latest when WeChat was asked.
  const absl::Duration life =
      kept->expires_in - (parts_.clock.Monotonic() - flight->asked_wechat);
  FetchedCredential credential;
  if (!same) credential.value = kept->access_token;
  credential.life = life;
  credential.until_refresh = RefreshIn(life);
  flight->asked_store = parts_.clock.Monotonic();
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
    std::unique_lock<std::mutex> lock(mutex_);
    const absl::Duration dies_at = flight->asked_wechat + fetched->expires_in;
    Unsaved unsaved{flight->fence, flight->known, std::nullopt, dies_at};
    if (!same) {
      unsaved.value = fetched->access_token;
      Hold({fetched->access_token,
            parts_.clock.Now() + (dies_at - parts_.clock.Monotonic()), 0},
           dies_at);
    }
    unsaved_ = std::move(unsaved);
    alone_not_before_ = dies_at - kLeastLife;
    lock.unlock();
    return Land(std::move(flight), absl::OkStatus());
  }
  if (!answer->kept) {
    std::unique_lock<std::mutex> lock(mutex_);
    Learn(answer->state, flight->asked_store);
    lock.unlock();
    return LostWrite(std::move(flight));
  }
  Count(same ? "same" : "new");
  std::unique_lock<std::mutex> lock(mutex_);
  if (!same) answer->state.value = fetched->access_token;
  Learn(answer->state, flight->asked_store);
  lock.unlock();
  if (same && flight->forced) {
    return Land(std::move(flight),
                Error(Reason::kWechatBadResponse,
                      "WeChat did not replace the token; retry after 30 s")
                    .RetryAfter(kForcedFetchesApart)
                    .ToStatus());
  }
  Land(std::move(flight), absl::OkStatus());
}

// Another replica has taken the lease over, so two fetches overlapped. WeChat
// keeps a stable token or a ticket the same for both. Of two ordinary tokens
// the one that was issued last kills the other, and nobody knows which one that
// is: a third fetch, under a new lease, ends the doubt.
void CredentialKeeper::LostWrite(FlightPtr flight) {
  Log(LogLevel::kWarning, "lease lost: another replica fetched meanwhile",
      {{"app_id", key_.app_id}, {"kind", NameOf(key_.kind)}});
  parts_.metrics.Count("wxident_keeper_lost_writes_total",
                       {{"app_id", key_.app_id}, {"kind", NameOf(key_.kind)}});
  // A process that was stopped has nothing left of its time.
  flight->give_up = parts_.clock.Monotonic() + kLongestWait;
  if (key_.kind != CredentialKind::kOrdinaryToken || flight->after_lost_write)
    return WaitForOther(std::move(flight));
  flight->after_lost_write = true;
  flight->replace = true;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    flight->known = known_;
  }
  Acquire(std::move(flight));
}

void CredentialKeeper::FetchAlone(FlightPtr flight, absl::Status store_error) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (refused_ || Usable(kLeastLife) ||
      parts_.clock.Monotonic() < alone_not_before_) {
    Pause(store_error, kFirstPause);
    lock.unlock();
    return Land(std::move(flight), std::move(store_error));
  }
  lock.unlock();
  flight->forced = false;
  flight->asked_wechat = parts_.clock.Monotonic();
  fetch_(/*force=*/false, Deadline::After(kTokenBudget, parts_.clock),
         [this, flight](absl::StatusOr<FetchedToken> answer) {
           OnFetchedAlone(flight, std::move(answer));
         });
}

void CredentialKeeper::OnFetchedAlone(FlightPtr flight,
                                      absl::StatusOr<FetchedToken> answer) {
  Count(answer.ok() ? "alone" : "failed");
  std::unique_lock<std::mutex> lock(mutex_);
  const absl::Duration now = parts_.clock.Monotonic();
  if (answer.ok()) {
    const absl::Duration dies_at = flight->asked_wechat + answer->expires_in;
    Hold({std::move(answer->access_token), parts_.clock.Now() + (dies_at - now),
          0},
         dies_at);
    alone_not_before_ = dies_at - kLeastLife;
  } else {
    if (OutcomeUnknown(answer.status()))
      alone_not_before_ = now + kLongestUnknownPause;
    Pause(answer.status(), kLongestPause);
  }
  lock.unlock();
  Land(std::move(flight), answer.status());
}

void CredentialKeeper::SaveLate(FlightPtr flight, Unsaved unsaved) {
  if (!parts_.flights->Begin()) {
    std::lock_guard<std::mutex> lock(mutex_);
    flying_ = false;
    return;
  }
  flight->fence = unsaved.fence;
  flight->known = unsaved.known;
  flight->asked_store = parts_.clock.Monotonic();
  FetchedCredential credential;
  credential.value = unsaved.value;
  credential.life = unsaved.dies_at - parts_.clock.Monotonic();
  credential.until_refresh = RefreshIn(credential.life);
  parts_.store.Save(key_, flight->fence, flight->known, std::move(credential),
                    Deadline::After(kStoreBudget, parts_.clock),
                    [this, flight, unsaved = std::move(unsaved)](
                        absl::StatusOr<SaveAnswer> answer) {
                      std::unique_lock<std::mutex> lock(mutex_);
                      if (!answer.ok()) {
                        unsaved_ = unsaved;
                        lock.unlock();
                        return Land(flight, absl::OkStatus());
                      }
                      alone_not_before_ = -absl::InfiniteDuration();
                      if (answer->kept && unsaved.value.has_value())
                        answer->state.value = *unsaved.value;
                      Learn(answer->state, flight->asked_store);
                      lock.unlock();
                      if (!answer->kept) return LostWrite(flight);
                      Land(flight, absl::OkStatus());
                    });
}

void CredentialKeeper::Observe(CredentialState state, absl::Duration asked) {
  std::unique_lock<std::mutex> lock(mutex_);
  const bool learned = Learn(state, asked);
  FlightPtr flight;
  std::optional<Unsaved> unsaved;
  if (!flying_) {
    if (unsaved_.has_value()) {
      unsaved = std::exchange(unsaved_, std::nullopt);
      flight = TakeOff(/*forced=*/false);
    } else if (const bool alone = held_ != nullptr && held_->generation == 0;
               !Paused() && state.lease_left <= absl::ZeroDuration() &&
               state.generation > 0 &&
               (alone || unreadable_ || state.abandoned ||
                state.until_refresh <= absl::ZeroDuration())) {
      flight = TakeOff(/*forced=*/false);
    }
  }
  lock.unlock();
  if (learned) on_new_();
  if (flight == nullptr) return;
  if (unsaved.has_value())
    return SaveLate(std::move(flight), *std::move(unsaved));
  Fly(std::move(flight));
}

void CredentialKeeper::ObserveStoreLost() {
  std::unique_lock<std::mutex> lock(mutex_);
  // Readers wait for nobody in the last minute of a value.
  if (held_ == nullptr || flying_ || Paused() || Usable(kLeastLife)) return;
  FlightPtr flight = TakeOff(/*forced=*/false);
  lock.unlock();
  Fly(std::move(flight));
}

bool CredentialKeeper::Learn(CredentialState& state, absl::Duration asked) {
  // An answer to an older question tells nothing any more.
  if (asked < learned_at_) return false;
  learned_at_ = asked;
  failures_ = state.failures;
  if (state.pause_left > absl::ZeroDuration()) {
    const absl::Duration until = asked + state.pause_left;
    pause_until_ = std::max(pause_until_, until);
    // This replica's own error tells more.
    if (ReasonName(DetailsOf(last_error_).reason) != state.failure_reason)
      last_error_ = NotedFailure(state);
  } else if (state.failures == 0) {
    pause_until_ = -absl::InfiniteDuration();
  }
  if (state.generation == 0) return false;
  const bool is_new = state.generation != known_;
  if (is_new) {
    if (!state.value.ok()) {
      Log(LogLevel::kError, "stored credential not read; a new one is fetched",
          {{"app_id", key_.app_id},
           {"kind", NameOf(key_.kind)},
           {"reason",
            std::string(ReasonName(DetailsOf(state.value.status()).reason))}});
      known_ = state.generation;
      unreadable_ = true;
      return false;
    }
    known_ = state.generation;
    Hold({*std::move(state.value), state.expires_at, state.generation},
         asked + state.life);
  } else if (held_ != nullptr && held_->generation == known_) {
    dies_at_ = asked + state.life;
    if (held_->expires_at != state.expires_at)
      held_ = std::make_shared<const AccessToken>(
          AccessToken{held_->token, state.expires_at, known_});
  }
  due_at_ = asked + state.until_refresh;
  return is_new;
}

void CredentialKeeper::Hold(AccessToken token, absl::Duration dies_at) {
  if (held_ != nullptr && !(held_->token == token.token)) {
    former_.push_front(held_->token);
    if (former_.size() > kFormer) former_.pop_back();
    refused_ = false;
  }
  held_ = std::make_shared<const AccessToken>(std::move(token));
  unreadable_ = false;
  dies_at_ = dies_at;
  due_at_ = dies_at - kLeastLife;
  const MetricLabels labels = {{"app_id", key_.app_id},
                               {"kind", NameOf(key_.kind)}};
  parts_.metrics.Set(
      "wxident_token_expiry_timestamp_seconds", labels,
      absl::ToDoubleSeconds(held_->expires_at - absl::UnixEpoch()));
  parts_.metrics.Set("wxident_token_generation", labels, held_->generation);
}

void CredentialKeeper::Pause(const absl::Status& error, absl::Duration pause) {
  last_error_ = error;
  pause_until_ = parts_.clock.Monotonic() + pause;
  ++failures_;
}

void CredentialKeeper::Land(FlightPtr flight, absl::Status error) {
  Waiters waiters;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    waiters.swap(waiters_);
    flying_ = false;
  }
  if (error.ok()) on_new_();
  Waiters unsatisfied = Answer(std::move(waiters), flight->forced, error);
  for (Waiter& waiter : unsatisfied) {
    if (waiter.replaced.has_value())
      Replace(std::move(waiter.done));
    else
      Get(waiter.rejected, std::move(waiter.done));
  }
  parts_.flights->End();
}

CredentialKeeper::Waiters CredentialKeeper::Answer(Waiters waiters, bool forced,
                                                   const absl::Status& error) {
  std::shared_ptr<const AccessToken> held;
  absl::Status failure = error;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (Usable(absl::ZeroDuration())) held = held_;
    if (failure.ok())
      failure = held != nullptr || last_error_.ok() ? OtherReplicaAsks()
                                                    : last_error_;
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

absl::Duration CredentialKeeper::RefreshIn(absl::Duration life) {
  const std::string bytes = parts_.random.Bytes(1);
  const absl::Duration jitter =
      kJitter * (static_cast<unsigned char>(bytes[0]) / 255.0);
  const absl::Duration early = key_.kind == CredentialKind::kStableToken
                                   ? kOverlap - jitter
                                   : kOverlap + jitter;
  // Never at once: a value may come with less life than the overlap.
  return std::max(life - early, kLeastRefreshIn);
}

absl::Duration CredentialKeeper::NextPause(int failures,
                                           const absl::Status& error) const {
  if (IsLasting(error)) {
    const std::optional<absl::Duration> wait = DetailsOf(error).retry_after;
    return std::max(kLongestPause, std::min(wait.value_or(kLongestPause),
                                            kLongestUnknownPause));
  }
  const absl::Duration longest =
      key_.kind == CredentialKind::kOrdinaryToken && OutcomeUnknown(error)
          ? kLongestUnknownPause
          : kLongestPause;
  const int doublings = std::clamp(failures, 0, 10);
  return std::min(kFirstPause * (1 << doublings), longest);
}

absl::Status CredentialKeeper::OutOfBudget(const CredentialState& state,
                                           bool forced) const {
  if (key_.kind == CredentialKind::kOrdinaryToken &&
      state.fetches_today >= kOrdinaryFetchesPerDay)
    return Error(Reason::kTokenBudgetExhausted,
                 "WeChat allows 2000 fetches of cgi-bin/token a day, and they "
                 "are used up; retry when its next day begins, or use "
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

void CredentialKeeper::Count(const char* outcome) {
  parts_.metrics.Count("wxident_keeper_fetches_total",
                       {{"app_id", key_.app_id},
                        {"kind", NameOf(key_.kind)},
                        {"outcome", outcome}});
}

}  // namespace wxident

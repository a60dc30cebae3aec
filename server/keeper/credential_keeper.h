#ifndef WXIDENT_SERVER_KEEPER_CREDENTIAL_KEEPER_H_
#define WXIDENT_SERVER_KEEPER_CREDENTIAL_KEEPER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/base/in_flight.h"
#include "server/base/metrics.h"
#include "server/base/mutex.h"
#include "server/base/single_flight.h"
#include "server/base/timer.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"
#include "server/keeper/access_token.h"
#include "server/keeper/held_credential.h"
#include "server/store/credential_store.h"
#include "server/wechat/wechat_api.h"

namespace wxident {

// Keeps one credential of one app: what is valid in memory, and at most one
// flight that brings a new one. A flight is: take the lease in the store,
// which may show that another replica was faster; ask WeChat; save.
// Thread-safe.
class CredentialKeeper {
 public:
  // Asks WeChat. `force` only for kStableToken.
  using Fetch = std::function<void(bool force, Deadline deadline,
                                   Done<FetchedToken> done)>;

  struct Parts {
    CredentialStore& store;
    Timer& timer;
    Clock& clock;
    Random& random;
    Metrics& metrics;
    std::shared_ptr<InFlight> in_flight;
  };

  // `on_new` is called after each change of what Held() gives, on any thread,
  // several at once. Everything must outlive the flights.
  CredentialKeeper(CredentialKey key, Fetch fetch, Parts parts,
                   std::function<void()> on_new);
  CredentialKeeper(const CredentialKeeper&) = delete;

  // See TokenManager::Get and ::Refresh.
  // `deadline` nullopt: none of the caller's own.
  void Get(const std::optional<Secret>& rejected,
           std::optional<Deadline> deadline, Done<AccessToken> done);
  void Replace(Done<AccessToken> done);

  // What is in memory and has not expired; nullptr: nothing.
  std::shared_ptr<const AccessToken> Held() const;

  // What to ask the store for.
  KnownCredential known() const;
  // The answer to that question, which was put at `asked`, on
  // Clock::Monotonic(). Begins a flight when a refresh is due.
  void Observe(CredentialState state, absl::Duration asked);
  // The store could not be asked.
  void ObserveStoreLost();

 private:
  // How long a flight waits for another replica's.
  static constexpr absl::Duration kLongestWait = absl::Seconds(12);

  struct Waiter {
    std::optional<Secret> rejected;
    // The generation that Replace wants to be rid of.
    std::optional<int64_t> replaced;
    std::optional<Deadline> deadline;
    Done<AccessToken> done;
  };
  // A value that could not be saved because the store was away.
  struct Unsaved {
    int64_t fence = 0;
    int64_t known = 0;
    std::optional<Secret> value;
    absl::Duration dies_at;
  };
  // One flight's own state; only its steps touch it, one at a time.
  struct Flight {
    // Whatever life the present value has left.
    bool replace = false;
    bool forced = false;
    // LostWrite has happened to it.
    bool after_lost_write = false;
    int64_t known = 0;
    int64_t fence = 0;
    // The value that WeChat must not give again.
    std::optional<Secret> refused;
    // Of the failures before this one.
    int failures = 0;
    absl::Duration asked_store;
    absl::Duration asked_wechat;
    absl::Duration give_up;
    // How often it has waited for another replica.
    int polls = 0;
  };
  using FlightPtr = std::shared_ptr<Flight>;
  using Waiters = std::vector<Waiter>;

  bool Learn(const CredentialState& state, absl::Duration asked)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether what is held has changed since the last time that this was true.
  bool TakeNews() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  FlightPtr MakeFlight(bool forced) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Answers who still waits at `deadline`.
  void ExpireAt(Deadline deadline);
  void Expire();

  // The steps of a flight, in the order of time, without mutex_.
  void Run(FlightPtr flight);
  // Counts the flight as in flight. Returns false if the owner ends: then all
  // who wait have been told so, and the flight is over.
  bool MayRun();
  void Acquire(FlightPtr flight);
  void OnLease(FlightPtr flight, absl::StatusOr<LeaseAnswer> answer);
  void OnDenied(FlightPtr flight, const CredentialState& state, bool learned);
  void WaitForOther(FlightPtr flight);
  void Ask(FlightPtr flight);
  void OnFetched(FlightPtr flight, absl::StatusOr<FetchedToken> answer);
  void OnSameTokenReturned(FlightPtr flight);
  void OnFailed(FlightPtr flight, const absl::Status& error,
                std::optional<absl::Duration> pause = std::nullopt);
  void Save(FlightPtr flight, FetchedToken fetched);
  void OnSaved(FlightPtr flight, std::shared_ptr<const FetchedToken> fetched,
               bool same, absl::StatusOr<SaveAnswer> answer);
  void LostWrite(FlightPtr flight);
  // Without the store.
  void FetchLocalFallback(FlightPtr flight, absl::Status store_error);
  void OnLocalFallbackFetched(FlightPtr flight,
                              absl::StatusOr<FetchedToken> answer);
  void HoldLocalFallback(Secret value, absl::Duration dies_at)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SaveLate(FlightPtr flight, Unsaved unsaved);
  void Finish(FlightPtr flight, absl::Status error);

  // Answers waiters after a flight; gives back those that need another one.
  Waiters Answer(Waiters waiters, bool forced, const absl::Status& error);
  void Pause(const absl::Status& error, absl::Duration pause);
  absl::Duration Now() const { return parts_.clock.Monotonic(); }
  absl::Duration FetchBudget() const;
  MetricLabels Labels() const;
  void Count(absl::string_view outcome);

  const CredentialKey key_;
  const Fetch fetch_;
  Parts parts_;
  const std::function<void()> on_new_;

  mutable Mutex mutex_;
  HeldCredential held_ ABSL_GUARDED_BY(mutex_);
  // What on_new_ was last called for.
  std::shared_ptr<const AccessToken> announced_ ABSL_GUARDED_BY(mutex_);
  SingleFlight<Waiter> single_flight_ ABSL_GUARDED_BY(mutex_);
  // While the store cannot be asked: before this, this replica fetches no
  // further value for itself.
  absl::Duration no_fallback_before_ ABSL_GUARDED_BY(mutex_) =
      -absl::InfiniteDuration();
  std::optional<Unsaved> unsaved_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_CREDENTIAL_KEEPER_H_

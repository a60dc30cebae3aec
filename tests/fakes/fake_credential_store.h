#ifndef WXIDENT_TESTS_FAKES_FAKE_CREDENTIAL_STORE_H_
#define WXIDENT_TESTS_FAKES_FAKE_CREDENTIAL_STORE_H_

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/identity/error.h"
#include "server/store/credential_store.h"
#include "tests/fakes/fake_store_data.h"

namespace wxident {

// CredentialStore in memory. Completes inline. Thread-safe. What another
// replica does is a call through another store on the same data, or this one.
class FakeCredentialStore final : public CredentialStore, public FakeFailure {
 public:
  explicit FakeCredentialStore(FakeStoreData& data) : data_(data) {}

  void Read(std::vector<KnownCredential> credentials, Deadline deadline,
            Done<std::vector<CredentialState>> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(ReadAll(credentials));
  }

  void Acquire(LeaseRequest request, Deadline deadline,
               Done<LeaseAnswer> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Lease(request));
  }

  void CountForced(CredentialKey key, int64_t fence, absl::Duration term,
                   Deadline deadline, Done<ForcedAnswer> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Force(key, fence, term));
  }

  void Save(CredentialKey key, int64_t fence, int64_t known_generation,
            FetchedCredential fetched, Deadline deadline,
            Done<SaveAnswer> done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    std::move(done)(Keep(key, fence, known_generation, fetched));
  }

  void Fail(CredentialKey key, int64_t fence, CredentialFailure failure,
            Deadline deadline, DoneStatus done) override {
    const absl::Status refusal = Refusal(deadline, data_.clock);
    if (!refusal.ok()) return std::move(done)(refusal);
    Fail(key, fence, failure);
    std::move(done)(absl::OkStatus());
  }

 private:
  using Row = FakeStoreData::CredentialRow;

  std::vector<CredentialState> ReadAll(
      const std::vector<KnownCredential>& credentials) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    std::vector<CredentialState> states;
    for (const KnownCredential& known : credentials)
      states.push_back(StateOf(RowOf(known.key), known.generation));
    return states;
  }

  LeaseAnswer Lease(const LeaseRequest& request) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const absl::Time now = data_.clock.Now();
    Row row = RowOf(request.key);
    LeaseAnswer answer;
    if (row.fence > 0 && row.lease_attempt == request.attempt) {
      if (LeaseRuns(row, now)) answer.fence = row.fence;
    } else if (MayLease(row, request, now)) {
      if (Abandoned(row, now) &&
          request.key.kind == CredentialKind::kOrdinaryToken)
        Shorten(row);
      row.lease_attempt = request.attempt;
      row.leased_at = now;
      row.lease_until = now + request.term;
      answer.fence = ++row.fence;
      Count(row, request.forced, now);
      data_.credentials[request.key] = row;
    }
    answer.state = StateOf(row, request.known_generation);
    return answer;
  }

  ForcedAnswer Force(const CredentialKey& key, int64_t fence,
                     absl::Duration term) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const absl::Time now = data_.clock.Now();
    Row row = RowOf(key);
    ForcedAnswer answer;
    if (Holds(row, fence)) {
      answer.allowed = row.forced_fence == fence;
      if (!answer.allowed && InBudget(row, key.kind, true, now)) {
        answer.allowed = true;
        Count(row, true, now);
        row.forced_fence = fence;
        row.lease_until = now + term;
        data_.credentials[key] = row;
      }
    }
    answer.state = StateOf(row, 0);
    return answer;
  }

  absl::StatusOr<SaveAnswer> Keep(const CredentialKey& key, int64_t fence,
                                  int64_t known_generation,
                                  const FetchedCredential& fetched) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    const absl::Time now = data_.clock.Now();
    Row row = RowOf(key);
    SaveAnswer answer;
    if (Holds(row, fence)) {
      if (!fetched.value.has_value() && row.generation == 0)
        return Error(Reason::kInternalFault, "no value to keep").ToStatus();
      if (fetched.value.has_value()) {
        row.value = *fetched.value;
        ++row.generation;
        row.fetched_at = now;
      }
      row.expires_at = now + fetched.life;
      row.refresh_at = now + fetched.until_refresh;
      row.finished_fence = fence;
      row.failures = 0;
      row.pause_until = absl::InfinitePast();
      data_.credentials[key] = row;
      answer.kept = true;
    } else {
      // A repetition of what was kept.
      answer.kept = fence > 0 && row.fence == fence && row.failures == 0;
    }
    answer.state = StateOf(row, known_generation);
    return answer;
  }

  void Fail(const CredentialKey& key, int64_t fence,
            const CredentialFailure& failure) {
    std::lock_guard<std::mutex> lock(data_.mutex);
    Row row = RowOf(key);
    const bool doubtful =
        failure.outcome_unknown && key.kind == CredentialKind::kOrdinaryToken;
    if (doubtful && row.fence > fence && row.generation > 0) {
      row.expires_at =
          std::min(row.expires_at, row.fetched_at + kOrdinaryOverlap);
      row.refresh_at = std::min(row.refresh_at, data_.clock.Now());
      data_.credentials[key] = row;
    }
    if (!Holds(row, fence)) return;
    if (doubtful) Shorten(row);
    row.finished_fence = fence;
    ++row.failures;
    row.pause_until = data_.clock.Now() + failure.pause;
    row.failure_reason = failure.reason;
    row.failure_errcode = failure.errcode;
    data_.credentials[key] = row;
  }

  // The following want the mutex held.

  Row RowOf(const CredentialKey& key) const {
    const auto found = data_.credentials.find(key);
    return found == data_.credentials.end() ? Row() : found->second;
  }

  static bool Holds(const Row& row, int64_t fence) {
    return fence > 0 && row.fence == fence && row.finished_fence != fence;
  }
  static bool LeaseRuns(const Row& row, absl::Time now) {
    return row.fence != row.finished_fence && row.lease_until > now;
  }
  static bool Abandoned(const Row& row, absl::Time now) {
    return row.fence != row.finished_fence && row.lease_until <= now;
  }

  static bool MayLease(const Row& row, const LeaseRequest& request,
                       absl::Time now) {
    if (row.generation != request.known_generation || LeaseRuns(row, now) ||
        row.pause_until > now)
      return false;
    // The times of no value are past.
    const bool due =
        std::min(row.refresh_at, row.expires_at) <= now || Abandoned(row, now);
    return (request.replace || due) &&
           InBudget(row, request.key.kind, request.forced, now);
  }

  static bool InBudget(const Row& row, CredentialKind kind, bool forced,
                       absl::Time now) {
    const bool today = row.day == DayOf(now);
    if (kind == CredentialKind::kOrdinaryToken && today &&
        row.fetches >= kOrdinaryFetchesPerDay)
      return false;
    if (!forced) return true;
    return !(today && row.forced >= kForcedFetchesPerDay) &&
           now - row.forced_at >= kForcedFetchesApart;
  }

  static void Count(Row& row, bool forced, absl::Time now) {
    if (row.day != DayOf(now)) {
      row.day = DayOf(now);
      row.fetches = 0;
      row.forced = 0;
    }
    ++row.fetches;
    if (!forced) return;
    ++row.forced;
    row.forced_at = now;
  }

  // The present value may have been replaced as soon as the lease was taken.
  static void Shorten(Row& row) {
    row.expires_at = std::min(row.expires_at, row.leased_at + kOrdinaryOverlap);
    row.refresh_at = std::min(row.refresh_at, row.leased_at);
  }

  static int64_t DayOf(absl::Time now) {
    return absl::ToInt64Hours(now - StartOf(0)) / 24;
  }

  CredentialState StateOf(const Row& row, int64_t known_generation) const {
    const absl::Time now = data_.clock.Now();
    CredentialState state;
    state.generation = row.generation;
    if (row.generation != known_generation) state.value = row.value;
    state.fetched_at = row.fetched_at;
    state.expires_at = row.expires_at;
    state.refresh_at = row.refresh_at;
    if (row.generation > 0) {
      state.life = row.expires_at - now;
      state.until_refresh = row.refresh_at - now;
    }
    if (LeaseRuns(row, now)) state.lease_left = row.lease_until - now;
    state.abandoned = Abandoned(row, now);
    state.failures = row.failures;
    state.pause_left = std::max(row.pause_until - now, absl::ZeroDuration());
    state.failure_reason = row.failure_reason;
    state.failure_errcode = row.failure_errcode;
    if (row.day == DayOf(now)) {
      state.fetches_today = row.fetches;
      state.forced_today = row.forced;
    }
    state.day_left = StartOf(DayOf(now) + 1) - now;
    state.since_forced = now - row.forced_at;
    return state;
  }

  // The day with this number begins.
  static absl::Time StartOf(int64_t day) {
    return absl::UnixEpoch() - absl::Hours(8) + absl::Hours(24) * day;
  }

  FakeStoreData& data_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAKES_FAKE_CREDENTIAL_STORE_H_

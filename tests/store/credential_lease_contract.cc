// Who may fetch, and whose writes count.

#include <atomic>
#include <set>

#include "tests/store/credential_contract.h"

namespace wxident {
namespace {

TEST_P(CredentialStoreContract, AGrantTellsTheStateAfterIt) {
  const LeaseAnswer answer = Acquire(Ask(Stable(), 0));
  ASSERT_TRUE(answer.fence.has_value());
  EXPECT_TRUE(About(answer.state.lease_left, kTerm));
  EXPECT_EQ(answer.state.generation, 0);
  EXPECT_EQ(answer.state.fetches_today, 1);
  EXPECT_FALSE(answer.state.abandoned);
  EXPECT_GT(answer.state.day_left, absl::ZeroDuration());
  EXPECT_TRUE(About(Read(Stable()).lease_left, kTerm));
}

TEST_P(CredentialStoreContract, ALeaseIsOfTheNewestGenerationOnly) {
  EXPECT_FALSE(Acquire(AskToReplace(Stable(), 1)).fence);
  EXPECT_EQ(Read(Stable()).fetches_today, 0);
  Fetch(Stable(), 0, "one");
  Fetch(Stable(), 1, "two");
  for (const int64_t known : {0, 1, 3}) {
    const LeaseAnswer answer = Acquire(AskToReplace(Stable(), known));
    EXPECT_FALSE(answer.fence);
    EXPECT_EQ(answer.state.generation, 2);
    EXPECT_EQ(ValueOf(answer.state), "two");
  }
  const LeaseAnswer answer = Acquire(AskToReplace(Stable(), 2));
  EXPECT_TRUE(answer.fence);
  EXPECT_EQ(ValueOf(answer.state), "");
}

TEST_P(CredentialStoreContract, ALeaseIsGivenOnceTheRefreshIsDue) {
  Fetch(Stable(), 0, "token");
  EXPECT_FALSE(Acquire(Ask(Stable(), 1)).fence);
  harness_->PassTime(kUntilRefresh - absl::Minutes(1));
  const LeaseAnswer early = Acquire(Ask(Stable(), 1));
  EXPECT_FALSE(early.fence);
  EXPECT_EQ(early.state.lease_left, absl::ZeroDuration());
  EXPECT_EQ(early.state.fetches_today, 1);
  harness_->PassTime(absl::Minutes(1));
  EXPECT_TRUE(Acquire(Ask(Stable(), 1)).fence);
}

TEST_P(CredentialStoreContract, WhatHasExpiredIsDueWhateverElseWasSaid) {
  const int64_t fence = MustAcquire(Ask(Stable(), 0));
  FetchedCredential fetched = Fetched("token");
  fetched.life = absl::Minutes(1);
  fetched.until_refresh = absl::Hours(1);
  ASSERT_TRUE(Save(Stable(), fence, 0, fetched).kept);
  EXPECT_FALSE(Acquire(Ask(Stable(), 1)).fence);
  harness_->PassTime(absl::Minutes(1));
  EXPECT_TRUE(Acquire(Ask(Stable(), 1)).fence);
}

TEST_P(CredentialStoreContract, AReplacementNeedsNotBeDue) {
  Fetch(Stable(), 0, "token");
  const LeaseAnswer answer = Acquire(AskToReplace(Stable(), 1));
  EXPECT_TRUE(answer.fence);
  EXPECT_TRUE(About(answer.state.until_refresh, kUntilRefresh));
}

TEST_P(CredentialStoreContract, NobodyElseWhileALeaseRuns) {
  const int64_t fence = MustAcquire(Ask(Stable(), 0));
  const LeaseAnswer other = Acquire(AskToReplace(Stable(), 0));
  EXPECT_FALSE(other.fence);
  EXPECT_TRUE(About(other.state.lease_left, kTerm));
  EXPECT_EQ(other.state.fetches_today, 1);
  // Another app's or kind's is another lease.
  EXPECT_TRUE(Acquire(Ask(Stable("wx2"), 0)).fence);
  EXPECT_TRUE(Acquire(Ask(Ticket(), 0)).fence);

  EXPECT_TRUE(Save(Stable(), fence, 0, "token").kept);
  const int64_t second = MustAcquire(AskToReplace(Stable(), 1));
  EXPECT_EQ(second, fence + 1);
  Fail(Stable(), second, Failure(absl::ZeroDuration()));
  EXPECT_EQ(MustAcquire(AskToReplace(Stable(), 1)), fence + 2);
}

TEST_P(CredentialStoreContract, AnAbandonedLeaseIsTakenOver) {
  Fetch(Stable(), 0, "token");
  const int64_t first = MustAcquire(AskToReplace(Stable(), 1));
  harness_->PassTime(kTerm);
  CredentialState state = Read(Stable());
  EXPECT_TRUE(state.abandoned);
  EXPECT_EQ(state.lease_left, absl::ZeroDuration());
  // That makes a refresh due.
  const LeaseAnswer next = Acquire(Ask(Stable(), 1));
  ASSERT_TRUE(next.fence.has_value());
  EXPECT_GT(*next.fence, first);
  EXPECT_FALSE(next.state.abandoned);
  EXPECT_EQ(next.state.fetches_today, 3);
  EXPECT_TRUE(Save(Stable(), *next.fence, 1, "two").kept);
  state = Read(Stable());
  EXPECT_FALSE(state.abandoned);
  harness_->PassTime(kTerm);
  EXPECT_FALSE(Read(Stable()).abandoned);
}

TEST_P(CredentialStoreContract, AFailureIsNotAnAbandonment) {
  const int64_t fence = MustAcquire(Ask(Stable(), 0));
  Fail(Stable(), fence, Failure());
  harness_->PassTime(kTerm);
  EXPECT_FALSE(Read(Stable()).abandoned);
}

TEST_P(CredentialStoreContract, ARepeatedRequestFindsItsLease) {
  const LeaseRequest request = AskByForce(Stable(), 0);
  const int64_t fence = MustAcquire(request);
  for (int i = 0; i < 3; ++i) {
    const LeaseAnswer again = Acquire(request);
    EXPECT_EQ(again.fence, fence);
    EXPECT_EQ(again.state.fetches_today, 1);
    EXPECT_EQ(again.state.forced_today, 1);
    EXPECT_TRUE(About(again.state.lease_left, kTerm));
  }
  EXPECT_FALSE(Acquire(AskToReplace(Stable(), 0)).fence);
  EXPECT_TRUE(Save(Stable(), fence, 0, "token").kept);
}

TEST_P(CredentialStoreContract, ARequestGetsOneLeaseAndNoMore) {
  const LeaseRequest run_out = Ask(Stable(), 0);
  const int64_t fence = MustAcquire(run_out);
  harness_->PassTime(kTerm);
  EXPECT_FALSE(Acquire(run_out).fence);
  EXPECT_TRUE(Acquire(run_out).state.abandoned);
  // Until somebody takes over, the holder's write counts all the same.
  EXPECT_TRUE(Save(Stable(), fence, 0, "token").kept);
  EXPECT_FALSE(Acquire(run_out).fence);

  const LeaseRequest failed = AskToReplace(Stable(), 1);
  Fail(Stable(), MustAcquire(failed), Failure(absl::ZeroDuration()));
  EXPECT_FALSE(Acquire(failed).fence);
  EXPECT_TRUE(Acquire(AskToReplace(Stable(), 1)).fence);
}

TEST_P(CredentialStoreContract, ALateWriterLoses) {
  const int64_t late = MustAcquire(Ask(Stable(), 0));
  harness_->PassTime(kTerm);
  const int64_t next = MustAcquire(Ask(Stable(), 0));

  // While the next one fetches.
  SaveAnswer lost = Save(Stable(), late, 0, "late");
  EXPECT_FALSE(lost.kept);
  EXPECT_EQ(lost.state.generation, 0);
  EXPECT_GT(lost.state.lease_left, absl::ZeroDuration());
  Fail(Stable(), late, Failure());
  EXPECT_FALSE(CountForced(Stable(), late).allowed);
  CredentialState state = Read(Stable());
  EXPECT_EQ(state.generation, 0);
  EXPECT_EQ(state.failures, 0);
  EXPECT_EQ(state.failure_reason, "");
  EXPECT_EQ(state.forced_today, 0);
  EXPECT_GT(state.lease_left, absl::ZeroDuration());

  // And afterwards: it is told what there is instead.
  ASSERT_TRUE(Save(Stable(), next, 0, "token").kept);
  lost = Save(Stable(), late, 0, "late");
  EXPECT_FALSE(lost.kept);
  EXPECT_EQ(lost.state.generation, 1);
  EXPECT_EQ(ValueOf(lost.state), "token");
  EXPECT_FALSE(Save(Stable(), late, 0, std::nullopt).kept);
  Fail(Stable(), late, Failure());
  state = Read(Stable());
  EXPECT_EQ(ValueOf(state), "token");
  EXPECT_EQ(state.failures, 0);
  EXPECT_EQ(state.pause_left, absl::ZeroDuration());
}

TEST_P(CredentialStoreContract, NobodyWritesWithoutALease) {
  for (const int64_t fence : {0, 1}) {
    EXPECT_FALSE(Save(Stable(), fence, 0, "token").kept);
    EXPECT_FALSE(CountForced(Stable(), fence).allowed);
    Fail(Stable(), fence, Failure());
  }
  EXPECT_EQ(Read(Stable()).generation, 0);
  EXPECT_EQ(Read(Stable()).failures, 0);
  // Nor under one that is not given yet.
  const int64_t fence = Fetch(Stable(), 0, "token");
  EXPECT_FALSE(Save(Stable(), fence + 1, 1, "two").kept);
  EXPECT_FALSE(CountForced(Stable(), fence + 1).allowed);
  EXPECT_EQ(ValueOf(Read(Stable())), "token");
}

TEST_P(CredentialStoreContract, ARepeatedSaveKeepsOnce) {
  const int64_t fence = MustAcquire(Ask(Stable(), 0));
  const SaveAnswer first = Save(Stable(), fence, 0, "token");
  const SaveAnswer again = Save(Stable(), fence, 0, "token");
  EXPECT_TRUE(again.kept);
  EXPECT_EQ(again.state.generation, 1);
  EXPECT_EQ(ValueOf(again.state), "token");
  EXPECT_EQ(again.state.expires_at, first.state.expires_at);
  EXPECT_EQ(again.state.fetched_at, first.state.fetched_at);
  // What ended with a value does not fail any more.
  Fail(Stable(), fence, Failure());
  EXPECT_EQ(Read(Stable()).failures, 0);
  EXPECT_EQ(Read(Stable()).failure_reason, "");
}

TEST_P(CredentialStoreContract, ARepeatedFailureCountsOnce) {
  const int64_t fence = MustAcquire(Ask(Stable(), 0));
  Fail(Stable(), fence, Failure());
  Fail(Stable(), fence, Failure(absl::Hours(1)));
  const CredentialState state = Read(Stable());
  EXPECT_EQ(state.failures, 1);
  EXPECT_LE(state.pause_left, absl::Seconds(2));
  EXPECT_FALSE(Save(Stable(), fence, 0, "token").kept);
  EXPECT_EQ(Read(Stable()).generation, 0);
}

TEST_P(CredentialStoreContract, OneOfAnyNumberOfRacersGetsTheLease) {
  constexpr int kRacers = 32;
  constexpr int kRounds = 100;
  // Each key's first round makes its row.
  constexpr int kRoundsOfAKey = 10;
  int64_t generation = 0;
  int64_t last_fence = 0;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const CredentialKey key = Stable(absl::StrCat("wx", round / kRoundsOfAKey));
    if (round % kRoundsOfAKey == 0) generation = last_fence = 0;
    std::vector<LeaseRequest> requests;
    for (int i = 0; i < kRacers; ++i)
      requests.push_back(AskToReplace(key, generation));
    std::vector<LeaseAnswer> answers(kRacers);
    OnThreads(kRacers, [&](int i) { answers[i] = Acquire(requests[i]); });
    std::vector<int64_t> fences;
    for (const LeaseAnswer& answer : answers)
      if (answer.fence.has_value()) fences.push_back(*answer.fence);
    ASSERT_EQ(fences.size(), 1u);
    EXPECT_EQ(fences[0], last_fence + 1);
    EXPECT_EQ(Read(key).fetches_today, round % kRoundsOfAKey + 1);

    // Two writers with that fence, and one late.
    std::atomic<int> kept = 0;
    const std::string value = absl::StrCat("value ", round);
    OnThreads(3, [&](int i) {
      const bool late = i == 2;
      const SaveAnswer saved = Save(key, fences[0] - late, generation,
                                    late ? std::string("late") : value);
      if (saved.kept) ++kept;
    });
    EXPECT_EQ(kept, 2);
    const CredentialState state = Read(key);
    EXPECT_EQ(state.generation, ++generation);
    EXPECT_EQ(ValueOf(state), value);
    last_fence = fences[0];
  }
}

// Requests of one row that wait at the same time may go together.
TEST_P(CredentialStoreContract, RequestsOfOneRowDoNotHurtEachOther) {
  Fetch(Stable("wx1"), 0, "token");
  std::vector<LeaseRequest> requests;
  for (int i = 0; i < 32; ++i)
    requests.push_back(i % 2 == 0 ? Ask(Stable("wx2"), i % 4)
                                  : AskToReplace(Stable("wx1"), i % 4));
  // The same request twice, as after a lost connection.
  for (int i = 0; i < 32; ++i) requests.push_back(requests[i]);
  std::vector<LeaseAnswer> answers(requests.size());
  OnThreads(static_cast<int>(requests.size()),
            [&](int i) { answers[i] = Acquire(requests[i]); });
  std::set<std::pair<std::string, std::string>> holders;
  for (size_t i = 0; i < requests.size(); ++i)
    if (answers[i].fence.has_value())
      holders.insert({requests[i].key.app_id, requests[i].attempt});
  ASSERT_EQ(holders.size(), 2u);
  EXPECT_EQ(holders.begin()->first, "wx1");
  EXPECT_EQ(holders.rbegin()->first, "wx2");
  EXPECT_EQ(Read(Stable("wx1")).fetches_today, 2);
  EXPECT_EQ(Read(Stable("wx2")).fetches_today, 1);
}

}  // namespace
}  // namespace wxident

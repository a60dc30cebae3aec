// Failures, pauses, lost replies and WeChat's budgets.

#include "tests/store/credential_contract.h"

namespace wxident {
namespace {

TEST_P(CredentialStoreContract, AFailurePausesEverybody) {
  Fetch(Stable(), 0, "token");
  const int64_t fence = MustAcquire(AskToReplace(Stable(), 1));
  Fail(Stable(), fence, Failure(absl::Seconds(20)));
  const LeaseAnswer paused = Acquire(AskToReplace(Stable(), 1));
  EXPECT_FALSE(paused.fence);
  EXPECT_EQ(paused.state.failures, 1);
  EXPECT_TRUE(About(paused.state.pause_left, absl::Seconds(20)));
  EXPECT_EQ(paused.state.failure_reason, "WECHAT_BUSY");
  EXPECT_EQ(paused.state.failure_errcode, "-1");
  EXPECT_EQ(paused.state.lease_left, absl::ZeroDuration());
  // The value is what it was.
  EXPECT_TRUE(About(paused.state.life, kLife));

  harness_->PassTime(absl::Seconds(20));
  EXPECT_EQ(Read(Stable()).pause_left, absl::ZeroDuration());
  EXPECT_EQ(Read(Stable()).failures, 1);
  CredentialFailure other = Failure();
  other.reason = "WECHAT_UNREACHABLE";
  other.errcode = "";
  Fail(Stable(), MustAcquire(AskToReplace(Stable(), 1)), other);
  const CredentialState state = Read(Stable());
  EXPECT_EQ(state.failures, 2);
  EXPECT_EQ(state.failure_reason, "WECHAT_UNREACHABLE");
  EXPECT_EQ(state.failure_errcode, "");
}

TEST_P(CredentialStoreContract, AValueEndsFailuresAndPause) {
  for (const bool new_value : {true, false}) {
    const int64_t known = Read(Stable()).generation;
    Fail(Stable(), MustAcquire(AskToReplace(Stable(), known)), Failure());
    harness_->PassTime(absl::Seconds(2));
    const int64_t fence = MustAcquire(AskToReplace(Stable(), known));
    ASSERT_TRUE(
        Save(Stable(), fence, known,
             new_value ? std::optional<std::string>("token") : std::nullopt)
            .kept);
    const CredentialState state = Read(Stable());
    EXPECT_EQ(state.failures, 0);
    EXPECT_EQ(state.pause_left, absl::ZeroDuration());
    // The last failure is still told.
    EXPECT_EQ(state.failure_reason, "WECHAT_BUSY");
    EXPECT_TRUE(Acquire(AskToReplace(Stable(), 1)).fence);
    harness_->PassTime(kTerm);
  }
}

TEST_P(CredentialStoreContract, AnUnknownOutcomeEndsAnOrdinaryTokensLife) {
  CredentialFailure unknown = Failure();
  unknown.outcome_unknown = true;
  for (const CredentialKey& key : {Stable(), Ordinary(), Ticket()}) {
    Fetch(key, 0, "token");
    const int64_t fence = MustAcquire(AskToReplace(key, 1));
    harness_->PassTime(absl::Seconds(5));
    Fail(key, fence, unknown);
    const CredentialState state = Read(key);
    EXPECT_EQ(ValueOf(state), "token");
    harness_->PassTime(absl::Seconds(2));
    if (key.kind == CredentialKind::kOrdinaryToken) {
      EXPECT_TRUE(About(state.life, kOrdinaryOverlap - absl::Seconds(5)));
      EXPECT_LE(state.until_refresh, absl::ZeroDuration());
      EXPECT_TRUE(Acquire(Ask(key, 1)).fence);
    } else {
      EXPECT_TRUE(About(state.life, kLife - absl::Seconds(5)));
      EXPECT_FALSE(Acquire(Ask(key, 1)).fence);
    }
  }
}

TEST_P(CredentialStoreContract, AnUnknownOutcomeMayComeLate) {
  CredentialFailure unknown = Failure();
  unknown.outcome_unknown = true;
  for (const CredentialKey& key : {Stable(), Ordinary(), Ticket()}) {
    Fetch(key, 0, "first");
    const int64_t former = MustAcquire(AskToReplace(key, 1));
    harness_->PassTime(kTerm);
    Fetch(key, 1, "successor's");
    harness_->PassTime(absl::Minutes(1));
    Fail(key, former, Failure());
    EXPECT_TRUE(About(Read(key).life, kLife - absl::Minutes(1)));
    Fail(key, former, unknown);
    const CredentialState state = Read(key);
    EXPECT_EQ(ValueOf(state), "successor's");
    EXPECT_EQ(state.failures, 0);
    EXPECT_EQ(state.pause_left, absl::ZeroDuration());
    if (key.kind == CredentialKind::kOrdinaryToken) {
      EXPECT_TRUE(About(state.life, kOrdinaryOverlap - absl::Minutes(1)));
      EXPECT_TRUE(Acquire(Ask(key, 2)).fence);
    } else {
      EXPECT_TRUE(About(state.life, kLife - absl::Minutes(1)));
      EXPECT_FALSE(Acquire(Ask(key, 2)).fence);
    }
  }
}

TEST_P(CredentialStoreContract, AKnownOutcomeEndsNothing) {
  Fetch(Ordinary(), 0, "token");
  Fail(Ordinary(), MustAcquire(AskToReplace(Ordinary(), 1)), Failure());
  EXPECT_TRUE(About(Read(Ordinary()).life, kLife));
}

TEST_P(CredentialStoreContract, AnUnknownOutcomeLengthensNoLife) {
  CredentialFailure unknown = Failure(absl::ZeroDuration());
  unknown.outcome_unknown = true;
  Fail(Ordinary(), MustAcquire(Ask(Ordinary(), 0)), unknown);
  EXPECT_EQ(Read(Ordinary()).expires_at, absl::InfinitePast());
  Fetch(Ordinary(), 0, "token");
  harness_->PassTime(kLife - absl::Minutes(1));
  Fail(Ordinary(), MustAcquire(Ask(Ordinary(), 1)), unknown);
  const CredentialState state = Read(Ordinary());
  EXPECT_TRUE(About(state.life, absl::Minutes(1)));
  EXPECT_TRUE(About(state.until_refresh, -absl::Minutes(4)));
}

TEST_P(CredentialStoreContract, ATakenOverLeaseEndsAnOrdinaryTokensLife) {
  for (const CredentialKey& key : {Stable(), Ordinary(), Ticket()}) {
    Fetch(key, 0, "token");
    MustAcquire(AskToReplace(key, 1));
    harness_->PassTime(absl::Minutes(1));
    // Nobody has drawn the conclusion yet.
    EXPECT_TRUE(About(Read(key).life, kLife - absl::Minutes(1)));
    const LeaseAnswer next = Acquire(Ask(key, 1));
    ASSERT_TRUE(next.fence.has_value());
    const CredentialState state = Read(key);
    EXPECT_EQ(next.state.expires_at, state.expires_at);
    EXPECT_EQ(ValueOf(state), "token");
    if (key.kind == CredentialKind::kOrdinaryToken) {
      EXPECT_TRUE(About(state.life, kOrdinaryOverlap - absl::Minutes(1)));
      // Should the next one fail, somebody goes on.
      Fail(key, *next.fence, Failure(absl::ZeroDuration()));
      EXPECT_TRUE(Acquire(Ask(key, 1)).fence);
    } else {
      EXPECT_TRUE(About(state.life, kLife - absl::Minutes(1)));
    }
  }
}

TEST_P(CredentialStoreContract, ATakenOverFirstLeaseHasNothingToEnd) {
  MustAcquire(Ask(Ordinary(), 0));
  harness_->PassTime(kTerm);
  const LeaseAnswer next = Acquire(Ask(Ordinary(), 0));
  ASSERT_TRUE(next.fence.has_value());
  EXPECT_EQ(next.state.expires_at, absl::InfinitePast());
}

TEST_P(CredentialStoreContract, OrdinaryFetchesAreLimitedPerDay) {
  // Should midnight come in between, in UTC+8, as many begin anew.
  const absl::Duration day_left = Read(Ordinary()).day_left;
  int granted = 0;
  for (; granted <= 2 * kOrdinaryFetchesPerDay; ++granted) {
    const LeaseAnswer answer = Acquire(Ask(Ordinary(), 0));
    if (!answer.fence.has_value()) break;
    Fail(Ordinary(), *answer.fence, Failure(absl::ZeroDuration()));
  }
  if (Read(Ordinary()).day_left < day_left + absl::Seconds(1))
    EXPECT_EQ(granted, kOrdinaryFetchesPerDay);
  EXPECT_EQ(Read(Ordinary()).fetches_today, kOrdinaryFetchesPerDay);
  EXPECT_FALSE(Acquire(AskToReplace(Ordinary(), 0)).fence);
  // Others have theirs.
  EXPECT_TRUE(Acquire(Ask(Ordinary("wx2"), 0)).fence);

  harness_->PassTime(absl::Hours(24));
  EXPECT_EQ(Read(Ordinary()).fetches_today, 0);
  const LeaseAnswer next_day = Acquire(Ask(Ordinary(), 0));
  EXPECT_TRUE(next_day.fence);
  EXPECT_EQ(next_day.state.fetches_today, 1);
}

TEST_P(CredentialStoreContract, OtherFetchesAreCountedWithoutALimit) {
  const absl::Duration day_left = Read(Stable()).day_left;
  for (int i = 0; i <= kOrdinaryFetchesPerDay; ++i)
    Fail(Stable(), MustAcquire(Ask(Stable(), 0)),
         Failure(absl::ZeroDuration()));
  const CredentialState state = Read(Stable());
  if (state.day_left < day_left + absl::Seconds(1))
    EXPECT_EQ(state.fetches_today, kOrdinaryFetchesPerDay + 1);
}

TEST_P(CredentialStoreContract, ForcedFetchesAreLimitedPerDayAndApart) {
  for (int i = 1; i <= kForcedFetchesPerDay; ++i) {
    const LeaseAnswer answer = Acquire(AskByForce(Stable(), 0));
    ASSERT_TRUE(answer.fence.has_value());
    EXPECT_EQ(answer.state.forced_today, i);
    EXPECT_EQ(answer.state.fetches_today, i);
    EXPECT_TRUE(About(-answer.state.since_forced, absl::ZeroDuration()));
    Fail(Stable(), *answer.fence, Failure(absl::ZeroDuration()));
    harness_->PassTime(kForcedFetchesApart - absl::Seconds(10));
    const LeaseAnswer soon = Acquire(AskByForce(Stable(), 0));
    EXPECT_FALSE(soon.fence);
    EXPECT_TRUE(About(-soon.state.since_forced, -absl::Seconds(20)));
    EXPECT_EQ(soon.state.forced_today, i);
    harness_->PassTime(absl::Seconds(10));
  }
  const LeaseAnswer refused = Acquire(AskByForce(Stable(), 0));
  EXPECT_FALSE(refused.fence);
  EXPECT_EQ(refused.state.forced_today, kForcedFetchesPerDay);
  // One that is not forced is within the budget.
  const int64_t fence = MustAcquire(Ask(Stable(), 0));
  EXPECT_FALSE(CountForced(Stable(), fence).allowed);
  Fail(Stable(), fence, Failure(absl::ZeroDuration()));
  EXPECT_EQ(Read(Stable()).fetches_today, kForcedFetchesPerDay + 1);

  harness_->PassTime(absl::Hours(24));
  EXPECT_EQ(Read(Stable()).forced_today, 0);
  EXPECT_GE(Read(Stable()).since_forced, absl::Hours(24));
  const LeaseAnswer next_day = Acquire(AskByForce(Stable(), 0));
  EXPECT_TRUE(next_day.fence);
  EXPECT_EQ(next_day.state.forced_today, 1);
  EXPECT_EQ(next_day.state.fetches_today, 1);
}

TEST_P(CredentialStoreContract, AForcedFetchWithinALeaseIsCountedOnce) {
  Fetch(Stable(), 0, "token");
  const int64_t fence = MustAcquire(AskToReplace(Stable(), 1));
  harness_->PassTime(kTerm - absl::Seconds(1));
  const ForcedAnswer first = CountForced(Stable(), fence);
  EXPECT_TRUE(first.allowed);
  EXPECT_TRUE(About(first.state.lease_left, kTerm));
  EXPECT_EQ(ValueOf(first.state), "token");
  for (int i = 0; i < 2; ++i) {
    const ForcedAnswer again = CountForced(Stable(), fence);
    EXPECT_TRUE(again.allowed);
    EXPECT_EQ(again.state.forced_today, 1);
    EXPECT_EQ(again.state.fetches_today, 3);
    EXPECT_TRUE(About(-again.state.since_forced, absl::ZeroDuration()));
    EXPECT_FALSE(again.state.abandoned);
  }
  EXPECT_FALSE(Acquire(AskToReplace(Stable(), 1)).fence);
  EXPECT_TRUE(Save(Stable(), fence, 1, "two").kept);
  const ForcedAnswer ended = CountForced(Stable(), fence);
  EXPECT_FALSE(ended.allowed);
  EXPECT_EQ(ValueOf(ended.state), "two");

  // The next one is too soon.
  const int64_t next = MustAcquire(AskToReplace(Stable(), 2));
  const ForcedAnswer soon = CountForced(Stable(), next);
  EXPECT_FALSE(soon.allowed);
  EXPECT_EQ(soon.state.forced_today, 1);
  EXPECT_GT(soon.state.lease_left, absl::ZeroDuration());
  harness_->PassTime(kForcedFetchesApart);
  // The lease has run out, but it is nobody else's.
  const ForcedAnswer later = CountForced(Stable(), next);
  EXPECT_TRUE(later.allowed);
  EXPECT_EQ(later.state.forced_today, 2);
  EXPECT_TRUE(About(later.state.lease_left, kTerm));
}

TEST_P(CredentialStoreContract, ASecondForcedFetchOfOneLeaseIsTooSoon) {
  const int64_t fence = MustAcquire(AskByForce(Stable(), 0));
  const ForcedAnswer second = CountForced(Stable(), fence);
  EXPECT_FALSE(second.allowed);
  EXPECT_EQ(second.state.forced_today, 1);
  EXPECT_EQ(second.state.fetches_today, 1);
}

}  // namespace
}  // namespace wxident

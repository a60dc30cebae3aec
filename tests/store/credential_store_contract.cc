// What is stored, and what readers are told.

#include "server/identity/error.h"
#include "tests/store/credential_contract.h"

namespace wxident {
namespace {

TEST_P(CredentialStoreContract, ARowThatIsNotThereIsLikeANewOne) {
  const auto states = ReadAll({{Stable(), 0}, {Ticket("wx2"), 7}});
  ASSERT_EQ(states.size(), 2u);
  for (const CredentialState& state : states) {
    EXPECT_EQ(state.generation, 0);
    EXPECT_EQ(ValueOf(state), "");
    EXPECT_EQ(state.fetched_at, absl::InfinitePast());
    EXPECT_EQ(state.expires_at, absl::InfinitePast());
    EXPECT_EQ(state.refresh_at, absl::InfinitePast());
    EXPECT_EQ(state.life, absl::ZeroDuration());
    EXPECT_EQ(state.until_refresh, absl::ZeroDuration());
    EXPECT_EQ(state.lease_left, absl::ZeroDuration());
    EXPECT_FALSE(state.abandoned);
    EXPECT_EQ(state.failures, 0);
    EXPECT_EQ(state.pause_left, absl::ZeroDuration());
    EXPECT_EQ(state.failure_reason, "");
    EXPECT_EQ(state.failure_errcode, "");
    EXPECT_EQ(state.fetches_today, 0);
    EXPECT_EQ(state.forced_today, 0);
    EXPECT_EQ(state.since_forced, absl::InfiniteDuration());
  }
  EXPECT_TRUE(ReadAll({}).empty());
}

TEST_P(CredentialStoreContract, WeChatsDayIsThatOfUtcPlus8) {
  const absl::Duration day = absl::Hours(24);
  const absl::Duration into =
      (harness_->clock().Now() - absl::UnixEpoch() + absl::Hours(8)) % day;
  const absl::Duration left = Read(Stable()).day_left;
  EXPECT_GT(left, absl::ZeroDuration());
  EXPECT_LE(left, day);
  // Neither clock nor day stand still.
  EXPECT_LT((day - into - left + day) % day, absl::Seconds(30));
}

TEST_P(CredentialStoreContract, WhatWasSavedIsRead) {
  const int64_t fence = MustAcquire(Ask(Stable(), 0));
  const SaveAnswer saved = Save(Stable(), fence, 0, "token");
  EXPECT_TRUE(saved.kept);
  EXPECT_EQ(ValueOf(saved.state), "token");
  const CredentialState state = Read(Stable());
  EXPECT_EQ(state.generation, 1);
  EXPECT_EQ(ValueOf(state), "token");
  // To the microsecond, and alike in every answer.
  EXPECT_EQ(state.expires_at - state.fetched_at, kLife);
  EXPECT_EQ(state.refresh_at - state.fetched_at, kUntilRefresh);
  EXPECT_EQ(saved.state.fetched_at, state.fetched_at);
  EXPECT_EQ(saved.state.expires_at, state.expires_at);
  EXPECT_EQ(saved.state.refresh_at, state.refresh_at);
  const absl::Duration age = harness_->clock().Now() - state.fetched_at;
  EXPECT_GE(age, absl::ZeroDuration());
  EXPECT_LT(age, absl::Seconds(9));
  EXPECT_TRUE(About(state.life, kLife));
  EXPECT_TRUE(About(state.until_refresh, kUntilRefresh));
  EXPECT_EQ(state.lease_left, absl::ZeroDuration());
  EXPECT_FALSE(state.abandoned);
  EXPECT_EQ(state.fetches_today, 1);
  EXPECT_EQ(state.forced_today, 0);
  EXPECT_EQ(state.since_forced, absl::InfiniteDuration());
}

TEST_P(CredentialStoreContract, TimeLeftGoesBelowZero) {
  Fetch(Stable(), 0, "token");
  harness_->PassTime(kLife + absl::Minutes(1));
  const CredentialState state = Read(Stable());
  EXPECT_TRUE(About(state.life, -absl::Minutes(1)));
  EXPECT_TRUE(About(state.until_refresh, -absl::Minutes(6)));
  EXPECT_EQ(ValueOf(state), "token");
}

TEST_P(CredentialStoreContract, AReaderGetsTheValueThatItDoesNotKnow) {
  Fetch(Stable(), 0, "one");
  EXPECT_EQ(ValueOf(Read(Stable(), 1)), "");
  EXPECT_EQ(Read(Stable(), 1).generation, 1);
  Fetch(Stable(), 1, "two");
  EXPECT_EQ(ValueOf(Read(Stable(), 2)), "");
  EXPECT_EQ(ValueOf(Read(Stable(), 1)), "two");
  // It may come from another database.
  EXPECT_EQ(ValueOf(Read(Stable(), 9)), "two");
}

TEST_P(CredentialStoreContract, AppsAndKindsAreApartAndAnswersInOrder) {
  const std::vector<CredentialKey> keys = {Ticket("wx2"),   Stable("wx1"),
                                           Ordinary("wx1"), Ticket("wx1"),
                                           Ordinary("wx2"), Stable("wx2")};
  std::vector<KnownCredential> known;
  for (size_t i = 0; i < keys.size(); ++i) {
    Fetch(keys[i], 0, absl::StrCat("value ", i));
    known.push_back({keys[i], 0});
  }
  known.push_back({Stable("wx3"), 0});
  known.push_back({keys[2], 0});
  const auto states = ReadAll(known);
  ASSERT_EQ(states.size(), keys.size() + 2);
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(ValueOf(states[i]), absl::StrCat("value ", i));
    EXPECT_EQ(states[i].generation, 1);
  }
  EXPECT_EQ(states[keys.size()].generation, 0);
  EXPECT_EQ(ValueOf(states.back()), "value 2");
}

TEST_P(CredentialStoreContract, ReadersAtOnceGetTheirOwnAnswers) {
  for (int i = 0; i < 8; ++i)
    Fetch(Stable(absl::StrCat("wx", i)), 0, absl::StrCat("value ", i));
  OnThreads(32, [&](int i) {
    std::vector<KnownCredential> known;
    for (int k = 0; k < i % 5; ++k)
      known.push_back({Stable(absl::StrCat("wx", (i + k) % 8)), 0});
    const auto states = ReadAll(known);
    ASSERT_EQ(states.size(), known.size());
    for (int k = 0; k < i % 5; ++k)
      EXPECT_EQ(ValueOf(states[k]), absl::StrCat("value ", (i + k) % 8));
  });
}

TEST_P(CredentialStoreContract, AnyTextIsKept) {
  for (const std::string& text : HostileTexts()) {
    Fetch(Stable(text), 0, text);
    EXPECT_EQ(ValueOf(Read(Stable(text))), text);
    const int64_t fence = MustAcquire(AskToReplace(Stable(text), 1));
    Fail(Stable(text), fence, {text, text, absl::Seconds(1), false});
    EXPECT_EQ(Read(Stable(text)).failure_reason, text);
    EXPECT_EQ(Read(Stable(text)).failure_errcode, text);
  }
}

TEST_P(CredentialStoreContract, TheSameValueAgainMovesItsTimesAlone) {
  Fetch(Stable(), 0, "token");
  const CredentialState before = Read(Stable());
  harness_->PassTime(kUntilRefresh);
  const int64_t fence = MustAcquire(Ask(Stable(), 1));
  const SaveAnswer saved = Save(Stable(), fence, 1, std::nullopt);
  EXPECT_TRUE(saved.kept);
  EXPECT_EQ(ValueOf(saved.state), "");
  const CredentialState state = Read(Stable());
  EXPECT_EQ(state.generation, 1);
  EXPECT_EQ(ValueOf(state), "token");
  EXPECT_TRUE(About(state.life, kLife));
  EXPECT_TRUE(About(state.until_refresh, kUntilRefresh));
  EXPECT_EQ(state.lease_left, absl::ZeroDuration());
  // It is as old as it was.
  EXPECT_GE(state.expires_at - state.fetched_at, kLife + kUntilRefresh);
  EXPECT_GE(before.fetched_at, state.fetched_at - kUntilRefresh);
}

TEST_P(CredentialStoreContract, NoValueCannotStay) {
  const int64_t fence = MustAcquire(Ask(Stable(), 0));
  const auto saved = Await<SaveAnswer>([&](auto done) {
    store().Save(Stable(), fence, 0, Fetched(std::nullopt), Soon(),
                 std::move(done));
  });
  EXPECT_TRUE(HasReason(saved.status(), Reason::kInternalFault));
  EXPECT_GT(Read(Stable()).lease_left, absl::ZeroDuration());
  EXPECT_TRUE(Save(Stable(), fence, 0, "token").kept);
}

TEST_P(CredentialStoreContract, ADeadlineThatHasPassedIsSaid) {
  const Deadline passed = Deadline::After(-absl::Seconds(1), harness_->clock());
  const LeaseRequest request = Ask(Stable(), 0);
  EXPECT_TRUE(HasReason(Await<LeaseAnswer>([&](auto done) {
                          store().Acquire(request, passed, std::move(done));
                        }).status(),
                        Reason::kDeadlinePassed));
  EXPECT_EQ(Read(Stable()).lease_left, absl::ZeroDuration());
}

}  // namespace
}  // namespace wxident

#include <atomic>
#include <set>

#include "tests/store/store_contract.h"

namespace wxident {
namespace {

TEST_P(TokenFamilyContract, ARefreshGivesANewTokenForTheTtlFromNow) {
  const SignIn in = Login("wx1", "o1", "u1");
  const SignedIn made = MustRecord(in);
  harness_->PassTime(absl::Minutes(20));
  const NewToken refresh = RefreshOf(in.session_token_hash);
  const auto refreshed = Refresh(refresh);
  ASSERT_TRUE(refreshed.has_value());
  EXPECT_TRUE(refreshed->token == refresh.new_token);
  const auto found = FindSession(refresh.new_token_hash);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->user.user_id, made.session.user.user_id);
  EXPECT_EQ(found->identity.openid, "o1");
  EXPECT_EQ(found->expires_at, refreshed->expires_at);
  // The login stays what it was, 20 minutes ago by now.
  EXPECT_GE(found->expires_at - found->created_at, absl::Minutes(80));
  EXPECT_LT(found->expires_at - found->created_at, absl::Minutes(81));
  EXPECT_EQ(KeysOf(refresh.new_token_hash),
            std::vector<std::string>({"key of o1"}));
}

TEST_P(TokenFamilyContract, TheOldTokenWorksForTheOverlap) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  const NewToken refresh = RefreshOf(in.session_token_hash);
  ASSERT_TRUE(Refresh(refresh));
  harness_->PassTime(absl::Seconds(20));
  EXPECT_TRUE(FindSession(in.session_token_hash));
  EXPECT_TRUE(FindProfile(BySession{in.session_token_hash}));
  harness_->PassTime(absl::Seconds(10));
  EXPECT_FALSE(FindSession(in.session_token_hash));
  EXPECT_FALSE(FindProfile(BySession{in.session_token_hash}));
  EXPECT_TRUE(FindSession(refresh.new_token_hash));
}

TEST_P(TokenFamilyContract, ARepeatedRefreshGivesTheSameToken) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  const NewToken first = RefreshOf(in.session_token_hash);
  const auto made = Refresh(first);
  ASSERT_TRUE(made.has_value());
  // Exactly as after a lost answer, and with a token of its own.
  for (const NewToken& again : {first, RefreshOf(in.session_token_hash)}) {
    const auto repeated = Refresh(again);
    ASSERT_TRUE(repeated.has_value());
    EXPECT_TRUE(repeated->token == first.new_token);
    EXPECT_EQ(repeated->expires_at, made->expires_at);
  }
  EXPECT_TRUE(FindSession(first.new_token_hash));
}

TEST_P(TokenFamilyContract, ATokenThatEndsInTheOverlapIsStillRepeated) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  harness_->PassTime(absl::Hours(1) - absl::Seconds(10));
  const NewToken first = RefreshOf(in.session_token_hash);
  ASSERT_TRUE(Refresh(first));
  harness_->PassTime(absl::Seconds(20));
  const auto repeated = Refresh(RefreshOf(in.session_token_hash));
  ASSERT_TRUE(repeated.has_value());
  EXPECT_TRUE(repeated->token == first.new_token);
}

TEST_P(TokenFamilyContract, ReuseAfterTheOverlapEndsTheWholeFamily) {
  const SignIn in = Login("wx1", "o1");
  const SignIn other_login = Login("wx1", "o1");
  MustRecord(in);
  MustRecord(other_login);
  const NewToken second = RefreshOf(in.session_token_hash);
  ASSERT_TRUE(Refresh(second));
  harness_->PassTime(absl::Seconds(30));
  const NewToken third = RefreshOf(second.new_token_hash);
  ASSERT_TRUE(Refresh(third));
  EXPECT_TRUE(FindSession(second.new_token_hash));
  EXPECT_TRUE(FindSession(third.new_token_hash));

  EXPECT_FALSE(Refresh(RefreshOf(in.session_token_hash)));
  for (const std::string& hash :
       {in.session_token_hash, second.new_token_hash, third.new_token_hash}) {
    EXPECT_FALSE(FindSession(hash));
    EXPECT_FALSE(Refresh(RefreshOf(hash)));
    EXPECT_EQ(Revoke(hash), 0);
  }
  EXPECT_TRUE(FindSession(other_login.session_token_hash));
}

TEST_P(TokenFamilyContract, ATokenInTheMiddleLeaksToo) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  const NewToken second = RefreshOf(in.session_token_hash);
  ASSERT_TRUE(Refresh(second));
  const NewToken third = RefreshOf(second.new_token_hash);
  ASSERT_TRUE(Refresh(third));
  harness_->PassTime(absl::Seconds(30));
  EXPECT_FALSE(Refresh(RefreshOf(second.new_token_hash)));
  EXPECT_FALSE(FindSession(third.new_token_hash));
}

TEST_P(TokenFamilyContract, WhatIsNotActiveIsNotRefreshed) {
  EXPECT_FALSE(Refresh(RefreshOf(std::string(32, 'x'))));
  const SignIn revoked = Login("wx1", "o1");
  MustRecord(revoked);
  Revoke(revoked.session_token_hash);
  EXPECT_FALSE(Refresh(RefreshOf(revoked.session_token_hash)));
  const SignIn ended = Login("wx1", "o1");
  MustRecord(ended);
  harness_->PassTime(absl::Hours(1));
  EXPECT_FALSE(Refresh(RefreshOf(ended.session_token_hash)));
}

TEST_P(TokenFamilyContract, NoRefreshGoesBeyondTheLoginsMaxAge) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  std::string hash = in.session_token_hash;
  absl::Duration age;
  for (int i = 0; i < 3; ++i) {
    harness_->PassTime(absl::Minutes(50));
    NewToken refresh = RefreshOf(hash);
    refresh.max_age = absl::Hours(3);
    const auto refreshed = Refresh(refresh);
    ASSERT_TRUE(refreshed.has_value()) << i;
    hash = refresh.new_token_hash;
    age = refreshed->expires_at - FindSession(hash)->created_at;
  }
  EXPECT_EQ(age, absl::Hours(3));
  harness_->PassTime(absl::Minutes(30));
  EXPECT_FALSE(FindSession(hash));

  // A limit that was lowered.
  const SignIn old = Login("wx1", "o1");
  MustRecord(old);
  harness_->PassTime(absl::Minutes(30));
  NewToken late = RefreshOf(old.session_token_hash);
  late.max_age = absl::Minutes(20);
  EXPECT_FALSE(Refresh(late));
  EXPECT_TRUE(FindSession(old.session_token_hash));
}

TEST_P(TokenFamilyContract, ARevocationByAnyTokenEndsTheFamily) {
  for (int by = 0; by < 3; ++by) {
    const SignIn in = Login("wx1", "o1");
    MustRecord(in);
    std::vector<std::string> hashes = {in.session_token_hash};
    for (int i = 0; i < 2; ++i) {
      const NewToken refresh = RefreshOf(hashes.back());
      ASSERT_TRUE(Refresh(refresh));
      hashes.push_back(refresh.new_token_hash);
    }
    EXPECT_EQ(Revoke(hashes[by]), 1);
    for (const std::string& hash : hashes) {
      EXPECT_FALSE(FindSession(hash));
      EXPECT_EQ(Revoke(hash), 0);
    }
  }
}

TEST_P(TokenFamilyContract, AFamilyCountsAsOneSessionOfItsUser) {
  const SignIn in = Login("wx1", "o1");
  const std::string user_id = MustRecord(in).session.user.user_id;
  MustRecord(Login("wx1", "o1"));
  const NewToken refresh = RefreshOf(in.session_token_hash);
  ASSERT_TRUE(Refresh(refresh));
  EXPECT_EQ(RevokeUser(user_id), 2);
  EXPECT_FALSE(FindSession(refresh.new_token_hash));
  EXPECT_EQ(RevokeUser(user_id), 0);
}

TEST_P(TokenFamilyContract, RacingRefreshesGiveOneToken) {
  for (int round = 0; round < 20; ++round) {
    const SignIn in = Login("wx1", "o1");
    MustRecord(in);
    constexpr int kRacers = 32;
    std::vector<NewToken> refreshes;
    for (int i = 0; i < kRacers; ++i)
      refreshes.push_back(RefreshOf(in.session_token_hash));
    std::vector<std::string> tokens(kRacers);
    OnThreads(kRacers, [&](int i) {
      const auto refreshed = Refresh(refreshes[i]);
      if (refreshed.has_value()) tokens[i] = refreshed->token.Expose();
    });
    EXPECT_EQ(std::set<std::string>(tokens.begin(), tokens.end()).size(), 1u);
    int active = 0;
    for (const NewToken& refresh : refreshes)
      active += FindSession(refresh.new_token_hash).has_value();
    EXPECT_EQ(active, 1);
  }
}

// Whoever of them wins, when all is over no token of the login works.
TEST_P(TokenFamilyContract, NoTokenOutrunsARevocation) {
  for (int round = 0; round < 50; ++round) {
    const SignIn in = Login("wx1", absl::StrCat("o", round));
    const std::string user_id = MustRecord(in).session.user.user_id;
    constexpr int kRacers = 8;
    std::vector<NewToken> refreshes;
    std::string hash = in.session_token_hash;
    for (int i = 0; i < kRacers; ++i) {
      refreshes.push_back(RefreshOf(hash));
      hash = refreshes.back().new_token_hash;
    }
    std::atomic<int> ended = 0;
    OnThreads(3, [&](int thread) {
      if (thread == 1) ended += Revoke(in.session_token_hash);
      if (thread == 2) ended += RevokeUser(user_id);
      if (thread != 0) return;
      for (const NewToken& refresh : refreshes) Refresh(refresh);
    });
    EXPECT_EQ(ended, 1);
    for (const NewToken& refresh : refreshes)
      EXPECT_FALSE(FindSession(refresh.new_token_hash));
  }
}

TEST_P(TokenFamilyContract, SweepingTakesWhatIsADayPastItsEnd) {
  const SignIn ended = Login("wx1", "o1");
  SignIn lives = Login("wx1", "o1");
  lives.session_ttl = absl::Hours(100);
  MustRecord(ended);
  MustRecord(lives);
  EXPECT_EQ(Sweep(100), 0);
  harness_->PassTime(absl::Minutes(5));
  EXPECT_EQ(Sweep(100), 2);  // the answers
  EXPECT_FALSE(FindAnswer(lives));
  harness_->PassTime(absl::Hours(24) + absl::Minutes(54));
  EXPECT_EQ(Sweep(100), 0);
  harness_->PassTime(absl::Minutes(2));
  EXPECT_EQ(Sweep(100), 1);
  EXPECT_EQ(Sweep(100), 0);
  EXPECT_TRUE(FindSession(lives.session_token_hash));
}

TEST_P(TokenFamilyContract, SweepingKeepsToItsLimit) {
  for (int i = 0; i < 10; ++i) MustRecord(Login("wx1", "o1"));
  harness_->PassTime(absl::Hours(26));
  std::vector<int> swept;
  for (int i = 0; i < 4; ++i) swept.push_back(Sweep(7));
  EXPECT_EQ(swept, std::vector<int>({7, 7, 6, 0}));
}

TEST_P(TokenFamilyContract, ReplacedTokensStayWithTheirFamily) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  std::vector<std::string> hashes = {in.session_token_hash};
  for (int i = 0; i < 40; ++i) {
    harness_->PassTime(absl::Minutes(50));
    const NewToken refresh = RefreshOf(hashes.back());
    ASSERT_TRUE(Refresh(refresh));
    hashes.push_back(refresh.new_token_hash);
  }
  // The answer, and the salts but that of the last refresh, in its overlap.
  EXPECT_EQ(Sweep(100), 40);
  // More than a day after its end the first token still shows a leak.
  EXPECT_TRUE(FindSession(hashes.back()));
  EXPECT_FALSE(Refresh(RefreshOf(hashes.front())));
  EXPECT_FALSE(FindSession(hashes.back()));

  harness_->PassTime(absl::Hours(26));
  int swept = 0;
  while (const int some = Sweep(7)) {
    EXPECT_LE(some, 7);
    swept += some;
  }
  EXPECT_EQ(swept, 1 + 41);  // the last salt, and the tokens
}

TEST_P(TokenFamilyContract, SweepingTakesASaltWhenTheOverlapIsOver) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  harness_->PassTime(absl::Minutes(5));
  EXPECT_EQ(Sweep(100), 1);  // the answer
  const NewToken refresh = RefreshOf(in.session_token_hash);
  ASSERT_TRUE(Refresh(refresh));
  harness_->PassTime(absl::Seconds(20));
  EXPECT_EQ(Sweep(100), 0);
  EXPECT_TRUE(Refresh(RefreshOf(in.session_token_hash)));
  harness_->PassTime(absl::Seconds(10));
  EXPECT_EQ(Sweep(100), 1);
  EXPECT_EQ(Sweep(100), 0);
  EXPECT_TRUE(FindSession(refresh.new_token_hash));
  // It still shows a leak.
  EXPECT_FALSE(Refresh(RefreshOf(in.session_token_hash)));
  EXPECT_FALSE(FindSession(refresh.new_token_hash));
}

TEST_P(TokenFamilyContract, RacingSweepersShareTheWork) {
  std::vector<std::string> hashes;
  for (int i = 0; i < 100; ++i) {
    const SignIn in = Login("wx1", absl::StrCat("o", i % 10));
    MustRecord(in);
    const NewToken refresh = RefreshOf(in.session_token_hash);
    Refresh(refresh);
    hashes.push_back(in.session_token_hash);
    hashes.push_back(refresh.new_token_hash);
  }
  harness_->PassTime(absl::Hours(26));
  std::atomic<int> swept = 0;
  OnThreads(8, [&](int) {
    // What another holds is skipped, so one empty sweep is not the end.
    for (int i = 0; i < 40; ++i) swept += Sweep(9);
  });
  while (const int some = Sweep(100)) swept += some;
  // Answers and tokens; and salts, unless their rows went before.
  EXPECT_GE(swept, 300);
  EXPECT_LE(swept, 400);
  for (const std::string& hash : hashes) EXPECT_FALSE(FindOwner(hash));
}

}  // namespace
}  // namespace wxident

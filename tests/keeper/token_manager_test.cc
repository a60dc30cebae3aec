#include "server/keeper/token_manager.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/keeper/replicas.h"

namespace wxident {
namespace {

class TokenManagerTest : public testing::TestWithParam<const char*> {
 protected:
  using Answer = Replicas::Answer;

  bool IsStable() { return GetParam() == std::string(Replicas::kStable); }
  std::string Token(int i = 0) { return world_.Token(GetParam(), i); }
  Answer Get(int i = 0, const std::optional<Secret>& rejected = std::nullopt) {
    return world_.Get(GetParam(), i, rejected);
  }
  int fetches() { return world_.wechat.fetches(); }

  Replicas world_;
};

TEST_P(TokenManagerTest, FetchesOnceAndAnswersFromMemory) {
  const Answer first = Get();
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->expires_at, world_.clock.Now() + absl::Hours(2));
  EXPECT_EQ(first->generation, 1);
  EXPECT_EQ(Token(), first->token.Expose());
  EXPECT_EQ(fetches(), 1);
}

TEST_P(TokenManagerTest, ManyAtOnceShareOneFetch) {
  world_.wechat.Hold();
  std::atomic<int> answered{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 64; ++i)
    callers.emplace_back([&] {
      world_.keeper().Get(
          world_.app(GetParam()), std::nullopt, world_.Later(),
          [&](Answer given) { answered += given.ok() ? 1 : 0; });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered.load(), 0);
  world_.wechat.Release();
  EXPECT_EQ(answered.load(), 64);
  EXPECT_EQ(fetches(), 1);
}

TEST_P(TokenManagerTest, WhoWaitsIsAnsweredAtItsDeadline) {
  world_.wechat.Hold();
  std::optional<Answer> given;
  world_.keeper().Get(world_.app(GetParam()), std::nullopt,
                      Deadline::After(absl::Seconds(1), world_.clock),
                      [&](Answer answer) { given = std::move(answer); });
  const auto patient = world_.Ask(GetParam());
  world_.Pass(absl::Milliseconds(800));
  EXPECT_FALSE(given.has_value());
  world_.Pass(absl::Milliseconds(400));
  ASSERT_TRUE(given.has_value());
  EXPECT_TRUE(HasReason(given->status(), Reason::kDeadlinePassed));
  // The fetch goes on for who has time.
  EXPECT_FALSE(patient->has_value());
  world_.wechat.Release();
  ASSERT_TRUE(patient->has_value());
  EXPECT_TRUE((*patient)->ok());
  EXPECT_EQ(fetches(), 1);
}

TEST_P(TokenManagerTest, SurvivesARestartInTheStore) {
  const Answer token = Get();
  world_.Restart(0);
  EXPECT_EQ(Get()->token.Expose(), token->token.Expose());
  EXPECT_EQ(Get()->expires_at, token->expires_at);
  EXPECT_EQ(fetches(), 1);
}

TEST_P(TokenManagerTest, IsReplacedAheadWhileTheOldOneIsServed) {
  const std::string old = Token();
  world_.Pass(absl::Hours(2) - absl::Minutes(7));
  EXPECT_EQ(fetches(), 1) << "too early";
  world_.wechat.RotateToken();
  world_.wechat.Hold();
  world_.Pass(absl::Minutes(3));
  EXPECT_EQ(fetches(), 2) << "one flight at a time";
  EXPECT_EQ(Token(), old);
  world_.wechat.Release();
  EXPECT_NE(Token(), old);
  EXPECT_EQ(Get()->generation, 2);
}

TEST_P(TokenManagerTest, TheOldTokenIsServedWhileWechatFails) {
  const std::string old = Token();
  world_.Pass(absl::Hours(2) - absl::Minutes(4));
  const int before = fetches();
  for (int i = 0; i < 300; ++i) world_.wechat.FailNext(Gone());
  world_.wechat.RotateToken();
  for (int i = 0; i < 4 * 60 - 1; ++i) {
    if (Token() != old) break;  // replaced before the failures began
    world_.Pass(absl::Seconds(1));
  }
  // 1 + 2 + 4 + 8 + 16 + 30 + 30 ... seconds: not one fetch a second.
  EXPECT_LE(fetches() - before, 16);
}

TEST_P(TokenManagerTest, AnErrorComesOnlyWhenTheOldTokenHasExpired) {
  const Answer old = Get();
  world_.Pass(absl::Hours(2) - absl::Minutes(7));
  for (int i = 0; i < 300; ++i) world_.wechat.FailNext(Gone());
  while (world_.clock.Now() + absl::Seconds(1) < old->expires_at) {
    const Answer now = Get();
    ASSERT_TRUE(now.ok()) << now.status() << " with "
                          << old->expires_at - world_.clock.Now() << " left";
    ASSERT_EQ(now->generation, 1);
    world_.Pass(absl::Seconds(1));
  }
  world_.Pass(absl::Seconds(1));
  EXPECT_EQ(world_.ReasonOfGet(GetParam()), Reason::kWechatUnreachable);
}

TEST_P(TokenManagerTest, WrongSettingsAreAskedForOnceInThirtySeconds) {
  world_.Add();
  for (int i = 0; i < 10; ++i)
    world_.wechat.FailNext(
        Error(Reason::kAppMisconfigured, "wrong secret").ToStatus());
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ(world_.ReasonOfGet(GetParam(), i % 2), Reason::kAppMisconfigured);
    world_.Pass(absl::Seconds(1));
  }
  EXPECT_EQ(fetches(), 2) << "by both replicas together";
}

TEST_P(TokenManagerTest, ARejectedTokenIsReplacedOnce) {
  const Secret old = Get()->token;
  const Answer fresh = Get(0, old);
  ASSERT_TRUE(fresh.ok());
  EXPECT_FALSE(fresh->token == old);
  EXPECT_EQ(fresh->generation, 2);
  const int before = fetches();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Get(0, old)->generation, 2);
  EXPECT_EQ(fetches(), before);
  EXPECT_EQ(world_.wechat.forced_fetches(), IsStable() ? 1 : 0);
}

TEST_P(TokenManagerTest, AnUnheardOfRejectedTokenChangesNothing) {
  const Answer token = Get();
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(Get(0, Secret(absl::StrCat("made up ", i)))->generation, 1);
  EXPECT_EQ(fetches(), 1);
}

TEST_P(TokenManagerTest, AShortLivedTokenIsNotFetchedForEachCall) {
  world_.wechat.expires_in = absl::Seconds(60);
  for (int i = 0; i < 20; ++i) EXPECT_NE(Token(), "");
  EXPECT_EQ(fetches(), 1);
}

TEST_P(TokenManagerTest, StopWaitsForTheFetchUnderWay) {
  world_.wechat.Hold();
  auto answer = world_.Ask(GetParam());
  std::thread stopper([&] { world_.keeper().Stop(); });
  world_.wechat.Release();
  stopper.join();
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((*answer)->ok());
}

TEST_P(TokenManagerTest, AfterStopNothingIsBegun) {
  world_.keeper().Stop();
  EXPECT_EQ(world_.ReasonOfGet(GetParam()), Reason::kStoreUnavailable);
  world_.Pass(absl::Seconds(10));
  EXPECT_EQ(fetches(), 0);
}

// Refresh.

TEST_P(TokenManagerTest, RefreshReplacesWhateverLifeIsLeft) {
  const std::string old = Token();
  auto fresh = world_.Refresh(GetParam());
  ASSERT_TRUE(fresh->has_value() && (*fresh)->ok()) << (*fresh)->status();
  EXPECT_EQ((**fresh)->generation, 2);
  EXPECT_NE(Token(), old);
  EXPECT_EQ(world_.wechat.forced_fetches(), IsStable() ? 1 : 0);
}

TEST_P(TokenManagerTest, TwoRefreshesAtOnceAreOne) {
  Token();
  world_.wechat.Hold();
  auto first = world_.Refresh(GetParam());
  auto second = world_.Refresh(GetParam());
  world_.wechat.Release();
  EXPECT_EQ((**first)->generation, 2);
  EXPECT_EQ((**second)->generation, 2);
  EXPECT_EQ(fetches(), 2);
}

TEST_P(TokenManagerTest, RefreshDuringAnOrdinaryFlightStillReplaces) {
  const std::string old = Token();
  world_.Pass(absl::Hours(2) - absl::Minutes(7));
  world_.wechat.Hold();
  world_.Pass(absl::Minutes(3));
  auto fresh = world_.Refresh(GetParam());
  world_.wechat.Release();
  ASSERT_TRUE(fresh->has_value() && (*fresh)->ok());
  EXPECT_NE((**fresh)->token.Expose(), old);
}

class StableTokenManagerTest : public TokenManagerTest {};

TEST_P(StableTokenManagerTest, ForcedFetchesHaveABudget) {
  int forced = 0;
  for (int i = 0; i < 30; ++i) {
    const Answer answer = Get(0, Get()->token);
    if (!answer.ok()) {
      EXPECT_TRUE(HasReason(answer.status(), Reason::kTokenBudgetExhausted));
      break;
    }
    ++forced;
    world_.Pass(absl::Seconds(31));
  }
  EXPECT_EQ(forced, 20);
  EXPECT_EQ(world_.wechat.forced_fetches(), 20);
  // Who does not complain gets what there is.
  EXPECT_TRUE(Get().ok());
}

TEST_P(StableTokenManagerTest, ForcedFetchesKeepTheirDistance) {
  Get(0, Get()->token);
  const Answer soon = Get(0, Get()->token);
  EXPECT_TRUE(HasReason(soon.status(), Reason::kTokenBudgetExhausted));
  EXPECT_EQ(*DetailsOf(soon.status()).retry_after, absl::Seconds(30));
  auto refreshed = world_.Refresh(GetParam());
  EXPECT_TRUE(HasReason((*refreshed)->status(), Reason::kTokenBudgetExhausted));
}

INSTANTIATE_TEST_SUITE_P(StableMode, StableTokenManagerTest,
                         testing::Values(Replicas::kStable));
INSTANTIATE_TEST_SUITE_P(BothModes, TokenManagerTest,
                         testing::Values(Replicas::kStable,
                                         Replicas::kOrdinary));

}  // namespace
}  // namespace wxident

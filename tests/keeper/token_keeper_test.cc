#include "server/keeper/token_keeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_token_store.h"
#include "tests/session/fake_wechat_api.h"

namespace wxident {
namespace {

constexpr char kStable[] = "wx00000000000000aa";
constexpr char kOrdinary[] = "wx00000000000000bb";

class TokenKeeperTest : public testing::TestWithParam<const char*> {
 protected:
  using Answer = absl::StatusOr<AccessToken>;

  TokenKeeperTest() { Restart(); }

  void Restart() {
    keeper_ =
        std::make_unique<TokenKeeper>(apps_, wechat_, store_, clock_, random_);
  }

  const App& app() { return *apps_.Find(GetParam()); }
  bool IsStable() { return app().token_mode == TokenMode::kStable; }

  std::optional<Answer> Get(
      const std::optional<Secret>& rejected = std::nullopt) {
    auto answer = std::make_shared<std::optional<Answer>>();
    keeper_->Get(app(), rejected,
                 [answer](Answer given) { *answer = std::move(given); });
    return *answer;
  }

  std::string Token() {
    const std::optional<Answer> answer = Get();
    if (!answer.has_value() || !answer->ok()) return "";
    return (*answer)->token.Expose();
  }

  FakeClock clock_;
  FakeRandom random_;
  FakeWechatApi wechat_;
  FakeStoreData data_{clock_};
  FakeTokenStore store_{data_};
  Apps apps_{{App{kStable, AppKind::kMiniProgram, "main", Secret("s"),
                  TokenMode::kStable},
              App{kOrdinary, AppKind::kMiniProgram, "main", Secret("s"),
                  TokenMode::kOrdinary}}};
  std::unique_ptr<TokenKeeper> keeper_;
};

TEST_P(TokenKeeperTest, FetchesOnceAndAnswersFromMemory) {
  const std::optional<Answer> first = Get();
  ASSERT_TRUE(first.has_value() && first->ok());
  EXPECT_EQ((*first)->expires_at, clock_.Now() + absl::Hours(2));
  EXPECT_EQ((*first)->generation, 1);
  EXPECT_EQ(Token(), (*first)->token.Expose());
  EXPECT_EQ(wechat_.fetches(), 1);
}

TEST_P(TokenKeeperTest, ManyAtOnceShareOneFetch) {
  wechat_.Hold();
  std::atomic<int> answered{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 64; ++i)
    callers.emplace_back([&] {
      keeper_->Get(app(), std::nullopt,
                   [&](Answer given) { answered += given.ok() ? 1 : 0; });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered.load(), 0);
  wechat_.Release();
  EXPECT_EQ(answered.load(), 64);
  EXPECT_EQ(wechat_.fetches(), 1);
}

TEST_P(TokenKeeperTest, SurvivesARestartInTheStore) {
  const std::string token = Token();
  Restart();
  EXPECT_EQ(Token(), token);
  EXPECT_EQ(wechat_.fetches(), 1);
}

TEST_P(TokenKeeperTest, AStoreThatIsDownKeepsNoTokenFromAnyone) {
  store_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_NE(Token(), "");
}

TEST_P(TokenKeeperTest, IsReplacedAheadWhileTheOldOneIsServed) {
  const std::string old = Token();
  clock_.Advance(absl::Hours(2) - absl::Minutes(7));
  keeper_->RefreshDue();
  EXPECT_EQ(wechat_.fetches(), 1) << "too early";
  clock_.Advance(absl::Minutes(3));
  wechat_.RotateToken();
  wechat_.Hold();
  keeper_->RefreshDue();
  EXPECT_EQ(wechat_.fetches(), 2);
  EXPECT_EQ(Token(), old);
  keeper_->RefreshDue();
  EXPECT_EQ(wechat_.fetches(), 2) << "one flight at a time";
  wechat_.Release();
  EXPECT_NE(Token(), old);
  EXPECT_EQ((*Get())->generation, 2);
}

TEST_P(TokenKeeperTest, TheOldTokenIsServedWhileWechatFails) {
  const std::string old = Token();
  clock_.Advance(absl::Hours(2) - absl::Minutes(4));
  for (int i = 0; i < 4 * 60 - 1; ++i) {
    wechat_.FailNext(Error(Reason::kWechatUnreachable, "gone").ToStatus());
    keeper_->RefreshDue();
    EXPECT_EQ(Token(), old) << i;
    clock_.Advance(absl::Seconds(1));
  }
  // 1 + 2 + 4 + 8 + 16 + 30 + 30 ... seconds: not one fetch a second.
  EXPECT_LE(wechat_.fetches(), 16);
  clock_.Advance(absl::Seconds(1));
  wechat_.FailNext(Error(Reason::kWechatUnreachable, "gone").ToStatus());
  const std::optional<Answer> answer = Get();
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(HasReason(answer->status(), Reason::kWechatUnreachable));
}

TEST_P(TokenKeeperTest, WrongSettingsAreAskedForOnceInThirtySeconds) {
  for (int i = 0; i < 10; ++i)
    wechat_.FailNext(
        Error(Reason::kAppMisconfigured, "wrong secret").ToStatus());
  for (int i = 0; i < 60; ++i) {
    EXPECT_TRUE(HasReason(Get()->status(), Reason::kAppMisconfigured));
    keeper_->RefreshDue();
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(wechat_.fetches(), 2);
}

TEST_P(TokenKeeperTest, ARejectedTokenIsReplacedOnce) {
  const Secret old = (*Get())->token;
  const std::optional<Answer> fresh = Get(old);
  ASSERT_TRUE(fresh.has_value() && fresh->ok());
  EXPECT_FALSE((*fresh)->token == old);
  EXPECT_EQ((*fresh)->generation, 2);
  const int fetches = wechat_.fetches();
  for (int i = 0; i < 100; ++i) EXPECT_EQ((*Get(old))->generation, 2);
  EXPECT_EQ(wechat_.fetches(), fetches);
  EXPECT_EQ(wechat_.forced_fetches(), IsStable() ? 1 : 0);
}

class StableTokenKeeperTest : public TokenKeeperTest {};

TEST_P(StableTokenKeeperTest, ForcedFetchesHaveABudget) {
  int forced = 0;
  for (int i = 0; i < 30; ++i) {
    const std::optional<Answer> answer = Get((*Get())->token);
    ASSERT_TRUE(answer.has_value());
    if (!answer->ok()) {
      EXPECT_TRUE(HasReason(answer->status(), Reason::kTokenBudgetExhausted));
      EXPECT_GT(*DetailsOf(answer->status()).retry_after, absl::Hours(22));
      break;
    }
    ++forced;
    clock_.Advance(absl::Seconds(30));
  }
  EXPECT_EQ(forced, 20);
  EXPECT_EQ(wechat_.forced_fetches(), 20);
}

TEST_P(StableTokenKeeperTest, ForcedFetchesKeepTheirDistance) {
  Get((*Get())->token);
  const std::optional<Answer> soon = Get((*Get())->token);
  ASSERT_TRUE(soon.has_value());
  EXPECT_TRUE(HasReason(soon->status(), Reason::kTokenBudgetExhausted));
  EXPECT_EQ(*DetailsOf(soon->status()).retry_after, absl::Seconds(30));
}

TEST_P(TokenKeeperTest, AShortLivedTokenIsNotFetchedForEachCall) {
  wechat_.expires_in = absl::Seconds(60);
  for (int i = 0; i < 20; ++i) EXPECT_NE(Token(), "");
  EXPECT_EQ(wechat_.fetches(), 1);
}

TEST_P(TokenKeeperTest, StopWaitsForTheFetchUnderWay) {
  Get();
  clock_.Advance(absl::Hours(2) - absl::Minutes(4));
  wechat_.RotateToken();
  wechat_.Hold();
  keeper_->RefreshDue();
  std::thread stopper([&] { keeper_->Stop(); });
  wechat_.Release();
  stopper.join();
  EXPECT_EQ((data_.tokens.begin()->second.generation), 2);
}

INSTANTIATE_TEST_SUITE_P(StableMode, StableTokenKeeperTest,
                         testing::Values(kStable));
INSTANTIATE_TEST_SUITE_P(BothModes, TokenKeeperTest,
                         testing::Values(kStable, kOrdinary));

}  // namespace
}  // namespace wxident

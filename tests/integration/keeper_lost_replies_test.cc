// WeChat issues a token, and nobody hears of it.

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

class KeeperLostRepliesTest : public testing::Test {
 protected:
  KeeperLostRepliesTest()
      : apps_(MakeTokenApps(2)),
        world_(PrivatePostgres::Durability::kNone, apps_),
        fleet_(world_, 2) {}

  const WorldApp& stable() const { return apps_[0]; }
  const WorldApp& ordinary() const { return apps_[1]; }

  void LoseReplies(const WorldApp& app, int count) {
    world_.sim().Fault({{"path", "*"},
                        {"app_id", app.id},
                        {"when", "after"},
                        {"reset", true},
                        {"count", count}});
  }
  size_t CallsOf(const WorldApp& app) {
    return world_.sim().TokenCalls(app.id).size();
  }
  size_t ForcedCallsOf(const WorldApp& app) {
    const std::vector<nlohmann::json> calls = world_.sim().TokenCalls(app.id);
    return static_cast<size_t>(
        std::count_if(calls.begin(), calls.end(), [](const auto& call) {
          return call.contains("given") && call["given"]["forced"] == true;
        }));
  }
  Simulator::Tokens TokensOf(const WorldApp& app) {
    return world_.sim().TokensOf(app.id, app.token_mode);
  }
  bool IsNewest(const WorldApp& app, const std::string& token) {
    return Simulator::DigestOf(token) == TokensOf(app).newest;
  }
  int Counted(const char* column, const WorldApp& app) {
    return world_.Count(absl::StrCat("SELECT ", column,
                                     " FROM app_credentials WHERE app_id = '",
                                     app.id, "'"));
  }

  const std::vector<WorldApp> apps_;
  World world_;
  Fleet fleet_;
};

TEST_F(KeeperLostRepliesTest, ARefreshSurvivesThree) {
  for (const WorldApp& app : apps_) fleet_.Agreed(app.id, 1);
  for (const WorldApp& app : apps_) LoseReplies(app, 3);
  world_.PassTime(absl::Seconds(6970));
  // Nobody is handed a token that WeChat refuses, whatever gets lost.
  EXPECT_TRUE(Eventually(absl::Seconds(30), [&] {
    const auto answers = fleet_.AskAll(IdsOf(apps_));
    bool all_new = true;
    for (size_t app = 0; app < apps_.size(); ++app) {
      const std::vector<std::string> accepted = TokensOf(apps_[app]).accepted;
      for (const TokenAnswer& answer : answers[app]) {
        EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
        EXPECT_EQ(std::count(accepted.begin(), accepted.end(),
                             Simulator::DigestOf(answer.token.access_token())),
                  1);
        if (answer.token.generation() < 2) all_new = false;
      }
    }
    return all_new;
  }));
  for (const WorldApp& app : apps_) {
    EXPECT_EQ(CallsOf(app), 5u) << app.token_mode;
    EXPECT_EQ(Counted("fetches", app), 5) << app.token_mode;
    EXPECT_EQ(ForcedCallsOf(app), 0u) << app.token_mode;
    EXPECT_TRUE(IsNewest(app, fleet_.Agreed(app.id, 2).access_token()));
  }
  EXPECT_EQ(TokensOf(stable()).issued, 2);
  EXPECT_EQ(TokensOf(ordinary()).issued, 5);
}

TEST_F(KeeperLostRepliesTest, TheFirstTokenComesASecondLater) {
  for (const WorldApp& app : apps_) LoseReplies(app, 1);
  for (const WorldApp& app : apps_) {
    const TokenAnswer lost = fleet_.Ask(0, app.id);
    EXPECT_EQ(lost.status.error_code(), grpc::StatusCode::UNAVAILABLE);
    const v1::GetAccessTokenResponse token = fleet_.Agreed(app.id, 1);
    EXPECT_TRUE(IsNewest(app, token.access_token())) << app.token_mode;
    EXPECT_EQ(CallsOf(app), 2u) << app.token_mode;
  }
}

// stable_token repeats a token that other APIs refuse, so it is forced, which
// kills the old token at once; and of the new one nobody hears.
TEST_F(KeeperLostRepliesTest, AForcedRefreshIsNotForcedAgain) {
  const std::string first = fleet_.Agreed(stable().id, 1).access_token();
  world_.sim().Fault({{"path", "/cgi-bin/stable_token"},
                      {"app_id", stable().id},
                      {"latency_ms", 1},
                      {"count", 1}});
  LoseReplies(stable(), 1);
  const auto report = [&] {
    const std::vector<TokenAnswer> answers =
        fleet_.AskAtOnce(100, stable().id, first);
    return std::all_of(
        answers.begin(), answers.end(), [&](const TokenAnswer& answer) {
          if (answer.status.ok())
            EXPECT_TRUE(IsNewest(stable(), answer.token.access_token()));
          return answer.status.ok();
        });
  };
  EXPECT_FALSE(report()) << "no reply was lost";
  EXPECT_EQ(TokensOf(stable()).issued, 2);
  EXPECT_TRUE(Eventually(absl::Seconds(15), report));
  EXPECT_EQ(TokensOf(stable()).forced_today, 1);
  EXPECT_EQ(TokensOf(stable()).issued, 2);
  EXPECT_EQ(ForcedCallsOf(stable()), 1u);
  EXPECT_EQ(Counted("forced", stable()), 1);
  EXPECT_EQ(CallsOf(stable()), 4u);
}

TEST_F(KeeperLostRepliesTest, ManyLostRepliesBurnNoForcedBudget) {
  const std::string first = fleet_.Agreed(stable().id, 1).access_token();
  world_.sim().Fault({{"path", "/cgi-bin/stable_token"},
                      {"app_id", stable().id},
                      {"latency_ms", 1},
                      {"count", 1}});
  LoseReplies(stable(), 4);
  std::vector<TokenAnswer> answers;
  EXPECT_TRUE(Eventually(absl::Seconds(40), [&] {
    answers = fleet_.AskAtOnce(100, stable().id, first);
    for (const TokenAnswer& answer : answers)
      if (!answer.status.ok()) return false;
    return true;
  }));
  for (const TokenAnswer& answer : answers)
    EXPECT_TRUE(IsNewest(stable(), answer.token.access_token()));
  EXPECT_EQ(TokensOf(stable()).forced_today, 1);
  EXPECT_EQ(Counted("forced", stable()), 1);
  // The first, the one that gave the refused token again, four that were lost.
  EXPECT_EQ(CallsOf(stable()), 7u);
}

// An operator's refresh is forced too.
TEST_F(KeeperLostRepliesTest, AnOperatorsRefreshMayBeLost) {
  const std::string first = fleet_.Agreed(stable().id, 1).access_token();
  LoseReplies(stable(), 1);
  v1::RefreshAccessTokenRequest ask;
  ask.set_app_id(stable().id);
  v1::RefreshAccessTokenResponse refreshed;
  const grpc::Status lost = fleet_[0].admin().RefreshAccessToken(
      Within(absl::Seconds(20)).get(), ask, &refreshed);
  EXPECT_EQ(lost.error_code(), grpc::StatusCode::UNAVAILABLE)
      << lost.error_message();
  // The token that the servers know is dead.
  EXPECT_EQ(TokensOf(stable()).accepted.size(), 1u);
  EXPECT_FALSE(IsNewest(stable(), first));
  EXPECT_TRUE(Eventually(absl::Seconds(15), [&] {
    for (const TokenAnswer& answer : fleet_.AskAtOnce(100, stable().id, first))
      if (!answer.status.ok() ||
          !IsNewest(stable(), answer.token.access_token()))
        return false;
    return true;
  }));
  EXPECT_EQ(TokensOf(stable()).forced_today, 1);
  EXPECT_EQ(Counted("forced", stable()), 1);
}

}  // namespace
}  // namespace wxident

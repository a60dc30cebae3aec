// Callers on several servers who report a token that WeChat has refused.

#include <gtest/gtest.h>

#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

TEST(KeeperRejectedTest, AThousandReportsOfADeadTokenAreOneRefresh) {
  const std::vector<WorldApp> apps = MakeTokenApps(2);
  World world(PrivatePostgres::Durability::kNone, apps);
  Fleet fleet(world, 4);
  for (const WorldApp& app : apps) ReportDeadToken(world, fleet, app, 1000);
}

TEST(KeeperRejectedTest, AFormerTokenIsNoNewsToAServerThatNeverHeldIt) {
  const std::vector<WorldApp> apps = MakeTokenApps(2);
  World world(PrivatePostgres::Durability::kNone, apps);
  Fleet old(world, 1);
  for (const WorldApp& app : apps) {
    const std::string first = old.Ask(0, app.id).token.access_token();
    const TokenAnswer second = old.Ask(0, app.id, first);
    ASSERT_TRUE(second.status.ok()) << second.status.error_message();
    const size_t calls = world.sim().TokenCalls(app.id).size();
    Fleet fresh(world, 1);
    for (const TokenAnswer& answer : fresh.AskAtOnce(100, app.id, first)) {
      EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
      EXPECT_EQ(answer.token.access_token(), second.token.access_token());
    }
    EXPECT_EQ(world.sim().TokenCalls(app.id).size(), calls) << app.id;
  }
}

}  // namespace
}  // namespace wxident

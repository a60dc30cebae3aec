// Tokens that expire for eight servers at the same instant.

#include <gtest/gtest.h>

#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

TEST(KeeperEpochsTest, EightServersFetchOnceForEachOf500Epochs) {
  const std::vector<WorldApp> apps = MakeTokenApps(10);
  World world(PrivatePostgres::Durability::kNone, apps);
  Fleet fleet(world, 8);
  ExpireTogether(world, fleet, apps, 50);
}

}  // namespace
}  // namespace wxident

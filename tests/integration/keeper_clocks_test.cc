// Servers whose wall clocks are ten minutes apart.

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "tests/integration/faketime.h"
#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

constexpr std::array<int, 4> kMinutesAhead = {0, 10, -10, 5};

std::vector<std::string> ClockOf(size_t server) {
  return WallClockAhead(kMinutesAhead[server]);
}

// By the server's own clock.
absl::Time StartOf(Wxidentd& server) {
  absl::Time time;
  std::string error;
  const std::string text = nlohmann::json::parse(*server.process().WaitForLine(
                                                     "\"event\":\"listening\""))
                               .at("ts")
                               .get<std::string>();
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << text;
  return time;
}

TEST(KeeperClocksTest, DoNotMatter) {
  std::vector<WorldApp> apps = MakeTokenApps(4);
  World world(PrivatePostgres::Durability::kNone, apps);
  Fleet fleet(world, kMinutesAhead.size(), {{}, ClockOf});
  for (size_t i = 0; i < fleet.size(); ++i) {
    const absl::Duration ahead = StartOf(fleet[i]) - absl::Now();
    EXPECT_LT(absl::AbsDuration(ahead - absl::Minutes(kMinutesAhead[i])),
              absl::Minutes(1))
        << "the clock is not what it should be: " << ahead;
  }
  for (size_t i = 0; i < 2; ++i) ReportDeadToken(world, fleet, apps[i], 200);
  apps.erase(apps.begin(), apps.begin() + 2);
  ExpireTogether(world, fleet, apps, 8);
}

}  // namespace
}  // namespace wxident

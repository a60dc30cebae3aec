// Servers whose wall clocks are ten minutes apart.

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

// libfaketime, which Debian keeps beside the machine's other libraries.
std::string Library() {
  for (const auto& folder : std::filesystem::directory_iterator("/usr/lib")) {
    const std::string path =
        folder.path().string() + "/faketime/libfaketimeMT.so.1";
    if (std::filesystem::exists(path)) return path;
  }
  return "";
}

constexpr std::array<int, 4> kMinutesAhead = {0, 10, -10, 5};

std::vector<std::string> ClockOf(size_t server) {
  return {"LD_PRELOAD=" + Library(),
          absl::StrFormat("FAKETIME=%+dm", kMinutesAhead[server]),
          "FAKETIME_DONT_FAKE_MONOTONIC=1",
          // A sanitizer's runtime wants to be the first library.
          "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"};
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
  ASSERT_NE(Library(), "") << "libfaketime is not installed";
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

// Servers whose wall clocks are ten minutes apart.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>

#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

constexpr char kLibrary[] =
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

std::vector<std::string> ClockOf(size_t server) {
  constexpr std::array<const char*, 3> kOffsets = {"+0s", "+600s", "-600s"};
  return {std::string("LD_PRELOAD=") + kLibrary,
          std::string("FAKETIME=") + kOffsets[server % kOffsets.size()],
          "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_NO_CACHE=1",
          // A sanitizer's runtime wants to be the first library.
          "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0"};
}

TEST(KeeperClocksTest, DoNotMatter) {
  struct stat found {};
  ASSERT_EQ(stat(kLibrary, &found), 0) << "install libfaketime";
  std::vector<WorldApp> apps = MakeTokenApps(4);
  World world(PrivatePostgres::Durability::kNone, apps);
  Fleet fleet(world, 4, {{}, ClockOf});
  ASSERT_GT(fleet.Metric("process_start"), -1);
  const std::vector<WorldApp> reported = {apps[0], apps[1]};
  for (const WorldApp& app : reported) ReportDeadToken(world, fleet, app, 200);
  apps.erase(apps.begin(), apps.begin() + 2);
  ExpireTogether(world, fleet, apps, 8);
}

}  // namespace
}  // namespace wxident

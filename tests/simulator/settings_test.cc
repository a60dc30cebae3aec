#include "simulator/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

using testing::StartsWith;

TEST(Settings, RefuseByNameAndChangeNothing) {
  Harness sim;
  const Json before = sim.Get("/_sim/settings");
  EXPECT_THAT(sim.ControlError("settings", {{"login_code_ttl", 5}}),
              StartsWith("login_code_ttl: no such setting"));
  EXPECT_THAT(sim.ControlError("settings", {{"login_code_ttl_s", 0}}),
              StartsWith("login_code_ttl_s: give a whole number"));
  EXPECT_THAT(sim.ControlError("settings", {{"escape_slashes", 1}}),
              StartsWith("escape_slashes: "));
  EXPECT_THAT(sim.ControlError("settings", {{"content_type_sns", "a\r\nb"}}),
              StartsWith("content_type_sns: "));
  EXPECT_THAT(
      sim.ControlError("settings",
                       {{"escape_slashes", true},
                        {"quotas", {{"/cgi-bin/token", {{"per_hour", 1}}}}}}),
      StartsWith("quotas./cgi-bin/token.per_hour: "));
  EXPECT_EQ(sim.Get("/_sim/settings"), before);
  // What is shown can be given back.
  EXPECT_EQ(sim.Control("settings", before), before);
}

}  // namespace
}  // namespace wxident::simulator

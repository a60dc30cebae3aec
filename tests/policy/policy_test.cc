#include "server/policy/policy.h"

#include <gtest/gtest.h>

namespace wxident {
namespace {

TEST(PolicyTest, AnIdFitsItselfAlone) {
  EXPECT_TRUE(Policy::Fits("spiffe://corp/orders", "spiffe://corp/orders"));
  for (const char* caller :
       {"", "spiffe://corp/order", "spiffe://corp/orders/", "spiffe://corp",
        "spiffe://corp/orders/a", "spiffe://corp/Orders",
        "xspiffe://corp/orders", "loopback"})
    EXPECT_FALSE(Policy::Fits("spiffe://corp/orders", caller)) << caller;
}

TEST(PolicyTest, APatternFitsWhatGoesOnFromIt) {
  for (const char* caller : {"spiffe://corp/team/a", "spiffe://corp/team/a/b",
                             "spiffe://corp/team/*", "spiffe://corp/team//"})
    EXPECT_TRUE(Policy::Fits("spiffe://corp/team/*", caller)) << caller;
  for (const char* caller :
       {"", "spiffe://corp/team", "spiffe://corp/team/",
        "spiffe://corp/teams/a", "spiffe://corp/tea/a",
        "spiffe://corporation/team/a", "spiffe://other/team/a"})
    EXPECT_FALSE(Policy::Fits("spiffe://corp/team/*", caller)) << caller;
}

TEST(PolicyTest, AStarElsewhereIsALetter) {
  EXPECT_FALSE(Policy::Fits("spiffe://corp/*/a", "spiffe://corp/b/a"));
  EXPECT_FALSE(Policy::Fits("spiffe://corp/or*", "spiffe://corp/orders"));
  EXPECT_FALSE(Policy::Fits("*", "spiffe://corp/orders"));
}

TEST(PolicyTest, AStarLimitsEverybody) {
  const Policy::Limit everybody{.caller = "*"};
  EXPECT_TRUE(everybody.Fits("spiffe://corp/orders"));
  EXPECT_TRUE(everybody.Fits("loopback"));
  const Policy::Limit team{.caller = "spiffe://corp/team/*"};
  EXPECT_TRUE(team.Fits("spiffe://corp/team/a"));
  EXPECT_FALSE(team.Fits("spiffe://corp/orders"));
  EXPECT_TRUE(Policy::DefaultLimit().Fits("spiffe://corp/orders"));
}

}  // namespace
}  // namespace wxident

#include "server/http/shares.h"

#include <gtest/gtest.h>

#include <string>

namespace wxident {
namespace {

// Takes all that `kind` may have.
int TakeAll(Shares& shares, const std::string& kind) {
  int taken = 0;
  for (; shares.MayTake(kind); ++taken) shares.Take(kind);
  return taken;
}

TEST(SharesTest, OneKindAloneGetsHalf) {
  const struct {
    int places;
    int half;
  } cases[] = {{1, 1}, {2, 1}, {3, 2}, {64, 32}, {1024, 512}};
  for (const auto& [places, half] : cases) {
    Shares shares(places);
    EXPECT_EQ(TakeAll(shares, "a"), half) << places;
    EXPECT_EQ(shares.taken(), half);
  }
}

TEST(SharesTest, OthersFindPlaces) {
  Shares shares(64);
  EXPECT_EQ(TakeAll(shares, "a"), 32);
  EXPECT_EQ(TakeAll(shares, "b"), 16);
  EXPECT_EQ(TakeAll(shares, "c"), 8);
  EXPECT_FALSE(shares.MayTake("a"));
  EXPECT_TRUE(shares.MayTake("d"));
}

TEST(SharesTest, TwoThatComeTogetherGetAThirdEach) {
  Shares shares(60);
  int a = 0;
  int b = 0;
  while (shares.MayTake("a") || shares.MayTake("b")) {
    if (shares.MayTake("a")) shares.Take("a"), ++a;
    if (shares.MayTake("b")) shares.Take("b"), ++b;
  }
  EXPECT_EQ(a, 20);
  EXPECT_EQ(b, 20);
}

TEST(SharesTest, WhatIsGivenBackIsFree) {
  Shares shares(2);
  shares.Take("a");
  EXPECT_FALSE(shares.MayTake("a"));
  shares.GiveBack("a");
  EXPECT_EQ(shares.taken(), 0);
  EXPECT_TRUE(shares.MayTake("a"));
}

}  // namespace
}  // namespace wxident

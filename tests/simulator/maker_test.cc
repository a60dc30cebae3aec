#include "simulator/maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "server/crypto/base64.h"

namespace wxident::simulator {
namespace {

using testing::MatchesRegex;

TEST(Maker, WritesWhatWeChatWrites) {
  const Maker maker(1);
  EXPECT_THAT(maker.AppSecret("wx1"), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_THAT(maker.OpenId("wx1", "a"), MatchesRegex("o[A-Za-z0-9_-]{27}"));
  EXPECT_THAT(maker.UnionId("main", "a"), MatchesRegex("o[A-Za-z0-9_-]{27}"));
  EXPECT_EQ(Base64Decode(maker.SessionKey("wx1", "a", 1))->size(), 16u);
  EXPECT_EQ(Base64Decode(maker.Iv("wx1", "a", 1))->size(), 16u);
  EXPECT_THAT(maker.LoginCode("wx1", "a", 1), MatchesRegex("[A-Za-z0-9]{32}"));
  EXPECT_THAT(maker.PhoneCode("wx1", "a", 1), MatchesRegex("[0-9a-f]{64}"));
  EXPECT_THAT(maker.AccessToken("stable", "wx1", 1),
              MatchesRegex("98_[A-Za-z0-9_-]{132}"));
  EXPECT_THAT(maker.Rid(absl::FromUnixSeconds(0x652d44d0), 1),
              MatchesRegex("652d44d0-[0-9a-f]{8}-[0-9a-f]{8}"));
}

TEST(Maker, NeverMakesOneValueTwice) {
  const Maker one(1);
  const Maker two(2);
  std::set<std::string> seen;
  int made = 0;
  for (const Maker* maker : {&one, &two}) {
    for (const char* user : {"a", "b", "1:a"}) {
      for (const char* app : {"wx1", "wx", "1"}) {
        seen.insert(maker->OpenId(app, user));
        seen.insert(maker->UnionId(app, user));
        made += 2;
        for (uint64_t n = 1; n <= 3; ++n) {
          seen.insert(maker->LoginCode(app, user, n));
          seen.insert(maker->PhoneCode(app, user, n));
          seen.insert(maker->SessionKey(app, user, n));
          made += 3;
        }
      }
    }
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(made));
}

TEST(Maker, RepeatsWithTheSeed) {
  EXPECT_EQ(Maker(5).LoginCode("wx1", "a", 3),
            Maker(5).LoginCode("wx1", "a", 3));
}

TEST(Maker, SpreadsFractions) {
  const Maker maker(1);
  double sum = 0;
  for (uint64_t n = 0; n < 1000; ++n) {
    const double fraction = maker.Fraction(1, n);
    ASSERT_GE(fraction, 0);
    ASSERT_LT(fraction, 1);
    sum += fraction;
  }
  EXPECT_NEAR(sum / 1000, 0.5, 0.05);
}

}  // namespace
}  // namespace wxident::simulator

#include "wxident/held_token.h"

#include <gtest/gtest.h>

namespace wxident::client {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

AppToken Token(const std::string& text, int64_t generation,
               absl::Duration left = absl::Hours(1)) {
  return {text, kNow + left, generation};
}

TEST(HeldTokenTest, NothingIsHeldAtFirst) {
  HeldToken held;
  EXPECT_EQ(held.Usable(kNow, true), std::nullopt);
  EXPECT_EQ(held.Usable(kNow, false), std::nullopt);
  EXPECT_EQ(held.Unexpired(kNow), std::nullopt);
}

TEST(HeldTokenTest, AHigherGenerationReplaces) {
  HeldToken held;
  held.Offer(Token("a", 2), kNow);
  EXPECT_EQ(held.Offer(Token("b", 3), kNow).access_token, "b");
  EXPECT_EQ(held.Offer(Token("late", 2), kNow).access_token, "b");
  EXPECT_EQ(held.Usable(kNow, false)->access_token, "b");
}

TEST(HeldTokenTest, TheSameTokenMayLiveLonger) {
  HeldToken held;
  held.Offer(Token("a", 2, absl::Minutes(5)), kNow);
  EXPECT_EQ(held.Offer(Token("a", 2, absl::Hours(2)), kNow).expire_time,
            kNow + absl::Hours(2));
}

TEST(HeldTokenTest, AnExpiredOneIsWorseThanAny) {
  HeldToken held;
  held.Offer(Token("a", 9, absl::ZeroDuration()), kNow);
  EXPECT_EQ(held.Offer(Token("b", 1), kNow).access_token, "b");
}

TEST(HeldTokenTest, GenerationZeroIsTakenInNeed) {
  HeldToken held;
  held.Offer(Token("a", 9, absl::Seconds(60)), kNow);
  EXPECT_EQ(held.Offer(Token("b", 0), kNow).access_token, "a");
  // About to expire.
  EXPECT_EQ(held.Offer(Token("b", 0), kNow + absl::Seconds(1)).access_token,
            "b");
  // And from there back to numbered ones.
  EXPECT_EQ(held.Offer(Token("c", 10), kNow).access_token, "c");
}

TEST(HeldTokenTest, GenerationZeroReplacesWhatWasRefused) {
  HeldToken held;
  held.Offer(Token("a", 9), kNow);
  held.Reject("another");
  EXPECT_EQ(held.Offer(Token("b", 0), kNow).access_token, "a");
  held.Reject("a");
  EXPECT_EQ(held.Offer(Token("b", 0), kNow).access_token, "b");
}

TEST(HeldTokenTest, WithoutAStreamAMinuteMustBeLeft) {
  HeldToken held;
  held.Offer(Token("a", 1, absl::Seconds(60)), kNow);
  EXPECT_NE(held.Usable(kNow, false), std::nullopt);
  const absl::Time later = kNow + absl::Milliseconds(1);
  EXPECT_EQ(held.Usable(later, false), std::nullopt);
  EXPECT_NE(held.Usable(later, true), std::nullopt);
  EXPECT_NE(held.Unexpired(later), std::nullopt);
  EXPECT_EQ(held.Usable(kNow + absl::Seconds(60), true), std::nullopt);
  EXPECT_EQ(held.Unexpired(kNow + absl::Seconds(60)), std::nullopt);
}

}  // namespace
}  // namespace wxident::client

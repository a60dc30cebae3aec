#include "server/edge/connection_lifetime.h"

#include <gtest/gtest.h>

namespace wxident {
namespace {

using Due = ConnectionLifetime::Due;

constexpr absl::Duration kSecond = absl::Seconds(1);

TEST(ConnectionLifetimeTest, ASilentClientIsAskedAndThenGivenUp) {
  ConnectionLifetime life({}, 0.5, absl::ZeroDuration());
  EXPECT_EQ(life.OnTime(1, 59 * kSecond), Due::kNothing);
  EXPECT_EQ(life.OnTime(1, 60 * kSecond), Due::kPing);
  EXPECT_EQ(life.OnTime(1, 69 * kSecond), Due::kNothing);
  EXPECT_EQ(life.OnTime(1, 70 * kSecond), Due::kClose);
}

TEST(ConnectionLifetimeTest, AnyAnswerWillDo) {
  ConnectionLifetime life({}, 0.5, absl::ZeroDuration());
  EXPECT_EQ(life.OnTime(1, 60 * kSecond), Due::kPing);
  life.OnHeard(61 * kSecond);
  EXPECT_EQ(life.OnTime(1, 120 * kSecond), Due::kNothing);
  EXPECT_EQ(life.OnTime(1, 121 * kSecond), Due::kPing);
}

TEST(ConnectionLifetimeTest, AnIdleOneIsEnded) {
  ConnectionLifetime life({}, 0.5, absl::ZeroDuration());
  life.OnHeard(299 * kSecond);
  EXPECT_EQ(life.OnTime(1, 299 * kSecond), Due::kNothing);
  life.OnHeard(598 * kSecond);
  EXPECT_EQ(life.OnTime(0, 598 * kSecond), Due::kNothing);
  EXPECT_EQ(life.OnTime(0, 599 * kSecond), Due::kDrain);
}

TEST(ConnectionLifetimeTest, AnOldOneIsEndedWithSomeSpread) {
  for (const double spread : {0.0, 0.5, 1.0}) {
    ConnectionLifetime life({}, spread, absl::ZeroDuration());
    const absl::Duration age = absl::Minutes(10) * (0.9 + 0.2 * spread);
    life.OnHeard(age);
    EXPECT_EQ(life.OnTime(1, age - kSecond), Due::kNothing);
    EXPECT_EQ(life.OnTime(1, age), Due::kDrain);
    EXPECT_EQ(life.OnTime(1, age + 29 * kSecond), Due::kNothing);
    EXPECT_EQ(life.OnTime(1, age + 30 * kSecond), Due::kClose);
  }
}

TEST(ConnectionLifetimeTest, ADrainHasItsGrace) {
  ConnectionLifetime life({}, 0.5, absl::ZeroDuration());
  life.OnDrain(10 * kSecond);
  life.OnDrain(20 * kSecond);
  EXPECT_EQ(life.OnTime(1, 39 * kSecond), Due::kNothing);
  EXPECT_EQ(life.OnTime(1, 40 * kSecond), Due::kClose);
}

}  // namespace
}  // namespace wxident

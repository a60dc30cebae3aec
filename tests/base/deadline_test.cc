#include "server/base/deadline.h"

#include "gtest/gtest.h"
#include "tests/base/fake_clock.h"

namespace wxident {
namespace {

TEST(DeadlineTest, PassesAtItsMoment) {
  FakeClock clock;
  const Deadline deadline = Deadline::After(absl::Seconds(2), clock);
  EXPECT_EQ(deadline.Left(clock), absl::Seconds(2));
  clock.Advance(absl::Seconds(2) - absl::Nanoseconds(1));
  EXPECT_FALSE(deadline.Passed(clock));
  clock.Advance(absl::Nanoseconds(1));
  EXPECT_TRUE(deadline.Passed(clock));
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(deadline.Left(clock), -absl::Seconds(1));
}

TEST(DeadlineTest, DoesNotFeelTheWallClock) {
  FakeClock clock;
  const Deadline deadline = Deadline::After(absl::Seconds(2), clock);
  clock.StepWallClock(absl::Hours(10));
  EXPECT_EQ(deadline.Left(clock), absl::Seconds(2));
  clock.StepWallClock(-absl::Hours(20));
  EXPECT_EQ(deadline.Left(clock), absl::Seconds(2));
}

TEST(DeadlineTest, CanBeEarlierOrNever) {
  FakeClock clock;
  const Deadline deadline = Deadline::After(absl::Seconds(2), clock);
  const Deadline earlier = deadline.Earlier(absl::Milliseconds(50));
  EXPECT_EQ(earlier.Left(clock), absl::Milliseconds(1950));
  EXPECT_TRUE(earlier < deadline);
  EXPECT_FALSE(deadline < earlier);
  EXPECT_FALSE(deadline < deadline);
  const Deadline never = Deadline::After(absl::InfiniteDuration(), clock);
  EXPECT_TRUE(deadline < never);
  EXPECT_EQ(never.Earlier(absl::Hours(1)).Left(clock),
            absl::InfiniteDuration());
}

}  // namespace
}  // namespace wxident

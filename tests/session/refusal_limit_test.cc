#include "server/session/refusal_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"

namespace wxident {
namespace {

class RefusalLimitTest : public testing::Test {
 protected:
  static Identity Who(int n = 0) {
    return {.app_id = "wx1", .openid = absl::StrCat("o", n)};
  }
  // Whether data of a person may be opened; if so, it opens or does not.
  bool Try(const Identity& who, bool opens) {
    if (!limit_.Begin(who).ok()) return false;
    limit_.End(who, opens);
    return true;
  }

  FakeClock clock_;
  RefusalLimit limit_{clock_};
};

TEST_F(RefusalLimitTest, FiveRefusalsWithinAMinute) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Try(Who(), false)) << i;
  const absl::Status refused = limit_.Begin(Who());
  EXPECT_TRUE(HasReason(refused, Reason::kSessionRateLimited)) << refused;
  EXPECT_EQ(DetailsOf(refused).retry_after, absl::Minutes(1));
  EXPECT_TRUE(Try(Who(1), false)) << "another person";
}

TEST_F(RefusalLimitTest, EachIsForgottenAMinuteAfterIt) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(Try(Who(), false));
    clock_.Advance(absl::Seconds(10));
  }
  EXPECT_EQ(DetailsOf(limit_.Begin(Who())).retry_after, absl::Seconds(10));
  clock_.Advance(absl::Milliseconds(9999));
  EXPECT_FALSE(Try(Who(), false));
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(Try(Who(), false)) << "the first is a minute old";
  EXPECT_FALSE(Try(Who(), false));
}

TEST_F(RefusalLimitTest, SuccessesNeitherCountNorClear) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Try(Who(), true));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Try(Who(), false));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Try(Who(), true));
  EXPECT_TRUE(Try(Who(), false));
  EXPECT_FALSE(Try(Who(), true)) << "right data is not even looked at";
}

TEST_F(RefusalLimitTest, WhatIsUnderWayCounts) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limit_.Begin(Who()).ok());
  const absl::Status refused = limit_.Begin(Who());
  EXPECT_TRUE(HasReason(refused, Reason::kSessionRateLimited));
  EXPECT_GT(DetailsOf(refused).retry_after, absl::ZeroDuration());
  for (int i = 0; i < 5; ++i) limit_.End(Who(), true);
  EXPECT_TRUE(Try(Who(), true));
}

TEST_F(RefusalLimitTest, NothingIsKeptOfThoseWhoseDataOpened) {
  for (int i = 0; i < 1000; ++i) Try(Who(i), true);
  EXPECT_EQ(limit_.size(), 0u);
  for (int i = 0; i < 1000; ++i) Try(Who(i), false);
  EXPECT_EQ(limit_.size(), 1000u);
  clock_.Advance(absl::Minutes(1));
  Try(Who(), true);
  EXPECT_EQ(limit_.size(), 0u);
}

TEST_F(RefusalLimitTest, MemoryIsBounded) {
  for (int i = 0; i < 5; ++i) Try(Who(), false);
  for (int i = 1; i < 100'000; ++i) Try(Who(i), false);
  EXPECT_EQ(limit_.size(), 100'000u);
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(Try(Who(), false)) << "all but the last were pushed out";
  EXPECT_FALSE(Try(Who(), false));
  EXPECT_EQ(limit_.size(), 99'997u);
}

TEST_F(RefusalLimitTest, ManyAtOnceAreNoMore) {
  std::atomic<int> tried = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i)
        if (Try(Who(), false)) ++tried;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tried, 5);
}

}  // namespace
}  // namespace wxident

#include "server/person/decrypt_rate_limiter.h"

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

class DecryptRateLimiterTest : public testing::Test {
 protected:
  static Session Of(int n = 0) {
    Session session;
    session.identity = {.app_id = "wx1", .openid = absl::StrCat("o", n)};
    session.created_at = absl::FromUnixSeconds(1'000'000);
    return session;
  }
  // Whether data of a session may be opened; if so, it opens or does not.
  bool Try(const Session& session, bool opens) {
    if (!limit_.Begin(session).ok()) return false;
    limit_.End(session, opens);
    return true;
  }

  FakeClock clock_;
  DecryptRateLimiter limit_{clock_};
};

TEST_F(DecryptRateLimiterTest, FiveRefusalsWithinAMinute) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Try(Of(), false)) << i;
  const absl::Status refused = limit_.Begin(Of());
  EXPECT_TRUE(HasReason(refused, Reason::kSessionRateLimited)) << refused;
  EXPECT_EQ(DetailsOf(refused).retry_after, absl::Minutes(1));
  EXPECT_TRUE(Try(Of(1), false)) << "another person";
}

TEST_F(DecryptRateLimiterTest, ASessionIsWhatALoginBegan) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Try(Of(), false)) << i;
  Session session = Of();
  session.expires_at = absl::InfiniteFuture();
  EXPECT_FALSE(Try(session, false)) << "refreshed";
  session.created_at += absl::Microseconds(1);
  EXPECT_TRUE(Try(session, false)) << "another login";
}

TEST_F(DecryptRateLimiterTest, EachIsForgottenAMinuteAfterIt) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(Try(Of(), false));
    clock_.Advance(absl::Seconds(10));
  }
  EXPECT_EQ(DetailsOf(limit_.Begin(Of())).retry_after, absl::Seconds(10));
  clock_.Advance(absl::Milliseconds(9999));
  EXPECT_FALSE(Try(Of(), false));
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(Try(Of(), false)) << "the first is a minute old";
  EXPECT_FALSE(Try(Of(), false));
}

TEST_F(DecryptRateLimiterTest, SuccessesNeitherCountNorClear) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Try(Of(), true));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(Try(Of(), false));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Try(Of(), true));
  EXPECT_TRUE(Try(Of(), false));
  EXPECT_FALSE(Try(Of(), true)) << "right data is not even looked at";
}

TEST_F(DecryptRateLimiterTest, WhatIsUnderWayCounts) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limit_.Begin(Of()).ok());
  const absl::Status refused = limit_.Begin(Of());
  EXPECT_TRUE(HasReason(refused, Reason::kSessionRateLimited));
  EXPECT_GT(DetailsOf(refused).retry_after, absl::ZeroDuration());
  for (int i = 0; i < 5; ++i) limit_.End(Of(), true);
  EXPECT_TRUE(Try(Of(), true));
}

TEST_F(DecryptRateLimiterTest, NothingIsKeptOfSessionsWhoseDataOpened) {
  for (int i = 0; i < 1000; ++i) Try(Of(i), true);
  EXPECT_EQ(limit_.size(), 0u);
  for (int i = 0; i < 1000; ++i) Try(Of(i), false);
  EXPECT_EQ(limit_.size(), 1000u);
  clock_.Advance(absl::Minutes(1));
  Try(Of(), true);
  EXPECT_EQ(limit_.size(), 0u);
}

TEST_F(DecryptRateLimiterTest, MemoryIsBounded) {
  for (int i = 0; i < 5; ++i) Try(Of(), false);
  for (int i = 1; i < 100'000; ++i) Try(Of(i), false);
  EXPECT_EQ(limit_.size(), 100'000u);
  EXPECT_TRUE(Try(Of(), false)) << "the first were pushed out";
}

TEST_F(DecryptRateLimiterTest, ManyAtOnceAreNoMore) {
  std::atomic<int> tried = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i)
        if (Try(Of(), false)) ++tried;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tried, 5);
}

}  // namespace
}  // namespace wxident

#include "wxident/session_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace wxident::client {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

v1::Session Of(const std::string& user_id,
               absl::Duration left = absl::Hours(1)) {
  v1::Session session;
  session.mutable_user()->set_user_id(user_id);
  session.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(kNow + left));
  return session;
}

TEST(SessionCacheTest, ASecond) {
  SessionCache cache;
  EXPECT_EQ(cache.Find("a", kNow), std::nullopt);
  cache.Remember("a", Of("1"), kNow);
  EXPECT_EQ(cache.Find("a", kNow)->user().user_id(), "1");
  EXPECT_TRUE(cache.Find("a", kNow + absl::Milliseconds(999)).has_value());
  EXPECT_FALSE(cache.Find("a", kNow + absl::Seconds(1)).has_value());
  EXPECT_FALSE(cache.Find("b", kNow).has_value());
}

TEST(SessionCacheTest, NotBeyondItsEnd) {
  SessionCache cache;
  cache.Remember("a", Of("1", absl::ZeroDuration()), kNow);
  EXPECT_FALSE(cache.Find("a", kNow).has_value());
}

TEST(SessionCacheTest, AClockThatWentBack) {
  SessionCache cache;
  cache.Remember("a", Of("1"), kNow);
  EXPECT_FALSE(cache.Find("a", kNow - absl::Seconds(1)).has_value());
}

TEST(SessionCacheTest, ANewAnswerReplaces) {
  SessionCache cache;
  cache.Remember("a", Of("1"), kNow);
  const absl::Time later = kNow + absl::Milliseconds(800);
  cache.Remember("a", Of("2"), later);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.Find("a", later + absl::Milliseconds(900))->user().user_id(),
            "2");
}

TEST(SessionCacheTest, TheOldestGoes) {
  SessionCache cache;
  for (size_t i = 0; i <= SessionCache::kMost; ++i)
    cache.Remember(std::to_string(i), Of("u"), kNow);
  EXPECT_EQ(cache.size(), SessionCache::kMost);
  EXPECT_FALSE(cache.Find("0", kNow).has_value());
  EXPECT_TRUE(cache.Find("1", kNow).has_value());
  EXPECT_TRUE(
      cache.Find(std::to_string(SessionCache::kMost), kNow).has_value());
}

TEST(SessionCacheTest, WhatIsOverGoes) {
  SessionCache cache;
  cache.Remember("a", Of("1"), kNow);
  cache.Remember("b", Of("2"), kNow + absl::Seconds(1));
  EXPECT_EQ(cache.size(), 1u);
}

}  // namespace
}  // namespace wxident::client

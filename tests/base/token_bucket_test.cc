#include "server/base/token_bucket.h"

#include "gtest/gtest.h"

namespace wxident {
namespace {

constexpr TokenBucket::Terms kTerms = {.start = 2, .most = 4, .per_second = 10};

// Spends all that there is; how much that was.
int SpendAll(TokenBucket& bucket, absl::Duration now) {
  int spent = 0;
  while (bucket.SpendOne(now)) ++spent;
  return spent;
}

TEST(TokenBucketTest, BeginsWithWhatItIsGiven) {
  TokenBucket bucket(kTerms);
  // However late it is asked for the first time.
  EXPECT_EQ(SpendAll(bucket, absl::Hours(1)), 2);
}

TEST(TokenBucketTest, GrowsWithTimeUpToTheMost) {
  TokenBucket bucket(kTerms);
  absl::Duration now = absl::Seconds(100);
  EXPECT_EQ(SpendAll(bucket, now), 2);
  EXPECT_FALSE(bucket.SpendOne(now += absl::Milliseconds(99)));
  EXPECT_TRUE(bucket.SpendOne(now += absl::Milliseconds(1)));
  EXPECT_FALSE(bucket.SpendOne(now));
  EXPECT_EQ(SpendAll(bucket, now += absl::Hours(1)), 4);
}

TEST(TokenBucketTest, SumsOfFractionsAreWhole) {
  TokenBucket bucket({.start = 0, .most = 1, .per_second = 1});
  absl::Duration now = absl::Seconds(1);
  EXPECT_FALSE(bucket.SpendOne(now));
  for (int i = 0; i < 9; ++i)
    EXPECT_FALSE(bucket.SpendOne(now += absl::Milliseconds(100))) << i;
  EXPECT_TRUE(bucket.SpendOne(now += absl::Milliseconds(100)));
}

TEST(TokenBucketTest, IsEarnedUpToTheMost) {
  TokenBucket bucket(kTerms);
  bucket.Earn(1);
  EXPECT_EQ(SpendAll(bucket, absl::ZeroDuration()), 3);
  bucket.Earn(100);
  EXPECT_EQ(SpendAll(bucket, absl::ZeroDuration()), 4);
}

TEST(TokenBucketTest, TellsWhenThereIsOneAgain) {
  TokenBucket bucket(kTerms);
  absl::Duration now = absl::Seconds(1);
  EXPECT_EQ(SpendAll(bucket, now), 2);
  EXPECT_EQ(bucket.UntilOne(), absl::Milliseconds(100));
  now += absl::Milliseconds(30);
  EXPECT_FALSE(bucket.SpendOne(now));
  EXPECT_EQ(bucket.UntilOne(), absl::Milliseconds(70));
  EXPECT_TRUE(bucket.SpendOne(now + bucket.UntilOne()));
}

TEST(TokenBucketTest, IsFullWhenAllHasComeBack) {
  TokenBucket bucket({.start = 4, .most = 4, .per_second = 10});
  absl::Duration now = absl::Seconds(1);
  EXPECT_TRUE(bucket.IsFull(now));
  EXPECT_TRUE(bucket.SpendOne(now));
  EXPECT_FALSE(bucket.IsFull(now += absl::Milliseconds(99)));
  EXPECT_TRUE(bucket.IsFull(now += absl::Milliseconds(1)));
}

TEST(TokenBucketTest, OtherTermsKeepWhatIsSpent) {
  TokenBucket bucket({.start = 10, .most = 10, .per_second = 1});
  absl::Duration now = absl::Seconds(1);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(bucket.SpendOne(now));
  // One has come back by the old terms.
  now += absl::Seconds(1);
  bucket.ChangeTerms({.start = 20, .most = 20, .per_second = 1}, now);
  EXPECT_EQ(SpendAll(bucket, now), 16);
  bucket.ChangeTerms({.start = 2, .most = 2, .per_second = 1}, now);
  EXPECT_FALSE(bucket.SpendOne(now + absl::Seconds(18)));
  EXPECT_EQ(SpendAll(bucket, now + absl::Seconds(30)), 2);
}

}  // namespace
}  // namespace wxident

#include "server/base/backoff.h"

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace wxident {
namespace {

TEST(BackoffTest, DoublesUpToTheLongest) {
  constexpr Backoff kBackoff = {absl::Seconds(1), absl::Seconds(30)};
  const int seconds[] = {1, 2, 4, 8, 16, 30, 30};
  for (int i = 0; i < 7; ++i)
    EXPECT_EQ(kBackoff.PauseAfter(i), absl::Seconds(seconds[i])) << i;
  EXPECT_EQ(kBackoff.PauseAfter(1'000'000'000), absl::Seconds(30));
}

TEST(BackoffTest, IsNeverOverTheLongest) {
  constexpr Backoff kBackoff = {absl::Seconds(2), absl::Seconds(1)};
  EXPECT_EQ(kBackoff.PauseAfter(0), absl::Seconds(1));
  EXPECT_EQ(kBackoff.PauseAfter(9), absl::Seconds(1));
}

TEST(BackoffTest, ANumberBelowZeroIsTheFirst) {
  constexpr Backoff kBackoff = {absl::Seconds(1), absl::Seconds(30)};
  EXPECT_EQ(kBackoff.PauseAfter(-1), absl::Seconds(1));
}

TEST(JitteredTest, GoesFromTheLeastToTheMost) {
  const absl::Duration pause = absl::Seconds(10);
  EXPECT_EQ(Jittered(pause, 0.5, 1.5, 0), absl::Seconds(5));
  EXPECT_EQ(Jittered(pause, 0.5, 1.5, 0.5), absl::Seconds(10));
  EXPECT_EQ(Jittered(pause, 0.5, 1.5, 1), absl::Seconds(15));
}

TEST(ChanceTest, IsBetween0And1OnEveryThread) {
  std::vector<std::thread> threads;
  std::vector<double> first(4);
  for (double& chance : first)
    threads.emplace_back([&chance] {
      chance = Chance();
      for (int i = 0; i < 1000; ++i) {
        const double next = Chance();
        EXPECT_GE(next, 0);
        EXPECT_LE(next, 1);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(first[0] == first[1] && first[1] == first[2] &&
               first[2] == first[3]);
}

TEST(ChanceTest, OfBytesReachesBothEnds) {
  for (size_t size : {1, 2, 4}) {
    EXPECT_EQ(ChanceOf(std::string(size, '\x00')), 0) << size;
    EXPECT_EQ(ChanceOf(std::string(size, '\xff')), 1) << size;
  }
  EXPECT_DOUBLE_EQ(ChanceOf("\x80"), 128.0 / 255);
  EXPECT_DOUBLE_EQ(ChanceOf("\x01\x02"), 258.0 / 65535);
}

}  // namespace
}  // namespace wxident

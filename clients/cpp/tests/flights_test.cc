#include "wxident/flights.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace wxident::client {
namespace {

// Well beyond what a busy machine needs.
constexpr absl::Duration kLong = absl::Minutes(2);

TEST(FlightsTest, AllShareOneCall) {
  Flights<int> flights;
  std::atomic<int> calls = 0;
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i)
    threads.emplace_back([&] {
      const absl::StatusOr<int> answer =
          flights.Share("k", InstantAfter(kLong), [&]() -> absl::StatusOr<int> {
            ++calls;
            while (flights.waiting() < 49) std::this_thread::yield();
            return 7;
          });
      if (answer.ok() && *answer == 7) ++right;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(right, 50);
  EXPECT_EQ(flights.waiting(), 0);
}

TEST(FlightsTest, AnErrorIsSharedToo) {
  Flights<int> flights;
  absl::Status other;
  std::thread thread;
  const auto answer =
      flights.Share("k", InstantAfter(kLong), [&]() -> absl::StatusOr<int> {
        thread = std::thread([&] {
          other = flights
                      .Share("k", InstantAfter(kLong),
                             []() -> absl::StatusOr<int> { return 1; })
                      .status();
        });
        while (flights.waiting() < 1) std::this_thread::yield();
        return absl::UnavailableError("away");
      });
  thread.join();
  EXPECT_TRUE(absl::IsUnavailable(answer.status()));
  EXPECT_TRUE(absl::IsUnavailable(other));
}

TEST(FlightsTest, KeysAreApart) {
  Flights<int> flights;
  const auto answer =
      flights.Share("a", InstantAfter(kLong), [&]() -> absl::StatusOr<int> {
        return *flights.Share("b", InstantAfter(kLong),
                              []() -> absl::StatusOr<int> { return 2; }) +
               1;
      });
  EXPECT_EQ(*answer, 3);
}

TEST(FlightsTest, WhoHasMoreTimeGoesOn) {
  Flights<int> flights;
  absl::StatusOr<int> other = 0;
  std::thread thread;
  const auto answer =
      flights.Share("k", InstantAfter(kLong), [&]() -> absl::StatusOr<int> {
        thread = std::thread([&] {
          other = flights.Share("k", InstantAfter(kLong),
                                []() -> absl::StatusOr<int> { return 5; });
        });
        while (flights.waiting() < 1) std::this_thread::yield();
        return absl::DeadlineExceededError("this one had little time");
      });
  thread.join();
  EXPECT_TRUE(absl::IsDeadlineExceeded(answer.status()));
  EXPECT_EQ(*other, 5);
}

TEST(FlightsTest, WhoHasLessTimeGivesUp) {
  Flights<int> flights;
  absl::StatusOr<int> other = 0;
  const auto answer =
      flights.Share("k", InstantAfter(kLong), [&]() -> absl::StatusOr<int> {
        std::thread([&] {
          other = flights.Share("k", InstantAfter(absl::Milliseconds(1)),
                                []() -> absl::StatusOr<int> { return 5; });
        }).join();
        return 6;
      });
  EXPECT_EQ(*answer, 6);
  EXPECT_TRUE(absl::IsDeadlineExceeded(other.status()));
}

TEST(FlightsTest, ForeverIsLong) {
  EXPECT_GT(LeftUntil(InstantAfter(absl::InfiniteDuration())),
            absl::Hours(24 * 364));
}

}  // namespace
}  // namespace wxident::client

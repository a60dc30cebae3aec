#include "server/base/single_flight.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/mutex.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;

TEST(SingleFlightTest, TheFirstRunsAndTheOthersWait) {
  SingleFlight<int> flight;
  EXPECT_FALSE(flight.running());
  EXPECT_TRUE(flight.Begin(1));
  EXPECT_TRUE(flight.running());
  EXPECT_FALSE(flight.Begin(2));
  EXPECT_FALSE(flight.Begin(3));
  EXPECT_THAT(flight.waiters(), ElementsAre(1, 2, 3));
  EXPECT_THAT(flight.Finish(), ElementsAre(1, 2, 3));
  EXPECT_FALSE(flight.running());
  EXPECT_TRUE(flight.waiters().empty());
  EXPECT_TRUE(flight.Begin(4));
  EXPECT_THAT(flight.Finish(), ElementsAre(4));
}

TEST(SingleFlightTest, ARunNeedsNobodyWhoWaits) {
  SingleFlight<int> flight;
  EXPECT_TRUE(flight.Begin());
  EXPECT_FALSE(flight.Begin());
  EXPECT_FALSE(flight.Begin(1));
  EXPECT_THAT(flight.Finish(), ElementsAre(1));
}

TEST(SingleFlightTest, WaitersMayBeMoveOnly) {
  SingleFlight<std::unique_ptr<int>> flight;
  EXPECT_TRUE(flight.Begin(std::make_unique<int>(7)));
  EXPECT_EQ(*flight.Finish()[0], 7);
}

// As its owners use it: however threads meet, one runs at a time, and everybody
// is answered once.
TEST(SingleFlightTest, ManyThreadsShareRuns) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  Mutex mutex;
  SingleFlight<std::atomic<int>*> flight;
  std::atomic<int> running{0};
  std::atomic<int> runs{0};
  std::vector<std::atomic<int>> answers(kThreads * kCalls);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        {
          MutexLock lock(mutex);
          if (!flight.Begin(&answers[t * kCalls + i])) continue;
        }
        EXPECT_EQ(running.fetch_add(1), 0);
        runs.fetch_add(1);
        std::this_thread::yield();
        running.fetch_sub(1);
        std::vector<std::atomic<int>*> waiters;
        {
          MutexLock lock(mutex);
          waiters = flight.Finish();
        }
        for (std::atomic<int>* waiter : waiters) waiter->fetch_add(1);
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (std::atomic<int>& answer : answers) EXPECT_EQ(answer.load(), 1);
  EXPECT_LE(runs.load(), kThreads * kCalls);
}

}  // namespace
}  // namespace wxident

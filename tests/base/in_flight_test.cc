#include "server/base/in_flight.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace wxident {
namespace {

TEST(InFlightTest, NothingBeginsAfterStop) {
  InFlight in_flight;
  EXPECT_FALSE(in_flight.stopping());
  ASSERT_TRUE(in_flight.Begin());
  in_flight.End();
  in_flight.Stop();
  EXPECT_TRUE(in_flight.stopping());
  EXPECT_FALSE(in_flight.Begin());
  in_flight.Stop();
}

TEST(InFlightTest, StopWaitsForAllThatHasBegun) {
  InFlight in_flight;
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (in_flight.Begin()) {
        begun.fetch_add(1);
        std::this_thread::yield();
        ended.fetch_add(1);
        in_flight.End();
      }
    });
  while (begun.load() < 100) std::this_thread::yield();
  in_flight.Stop();
  const int at_stop = ended.load();
  EXPECT_EQ(at_stop, begun.load());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(begun.load(), at_stop);
}

TEST(InFlightTest, TheOwnerMayGoOnceStopReturns) {
  struct Owner {
    const std::shared_ptr<InFlight> in_flight = std::make_shared<InFlight>();
    int touched = 0;
  };
  auto owner = std::make_unique<Owner>();
  std::atomic<bool> begun{false};
  std::thread late([&begun, owner = owner.get(), in_flight = owner->in_flight] {
    while (in_flight->Begin()) {
      ++owner->touched;
      begun = true;
      in_flight->End();
    }
  });
  while (!begun) std::this_thread::yield();
  owner->in_flight->Stop();
  owner.reset();
  late.join();
}

}  // namespace
}  // namespace wxident

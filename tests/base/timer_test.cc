#include "server/base/timer.h"

#include <atomic>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/base/fake_clock.h"
#include "tests/base/fake_timer.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;

TEST(ThreadTimerTest, RunsATaskOnceAndNotBeforeItsTime) {
  ThreadTimer timer;
  const auto start = std::chrono::steady_clock::now();
  std::promise<std::chrono::steady_clock::time_point> ran;
  timer.After(absl::Milliseconds(30), [&] {
    // A second call would throw.
    ran.set_value(std::chrono::steady_clock::now());
  });
  EXPECT_GE(ran.get_future().get() - start, std::chrono::milliseconds(30));
}

TEST(ThreadTimerTest, RunsOnItsOwnThreadWhateverTheDelay) {
  for (absl::Duration delay :
       {absl::ZeroDuration(), -absl::Seconds(1), -absl::InfiniteDuration()}) {
    ThreadTimer timer;
    std::promise<std::thread::id> ran;
    timer.After(delay, [&] { ran.set_value(std::this_thread::get_id()); });
    EXPECT_NE(ran.get_future().get(), std::this_thread::get_id()) << delay;
  }
}

TEST(ThreadTimerTest, AnEarlierTaskOvertakesALaterOne) {
  std::vector<int> order;
  std::promise<void> ran;
  {
    ThreadTimer timer;
    timer.After(absl::Hours(1), [&] { order.push_back(3); });
    timer.After(absl::Milliseconds(20), [&] {
      order.push_back(2);
      ran.set_value();
    });
    timer.After(absl::Milliseconds(1), [&] { order.push_back(1); });
    ran.get_future().wait();
  }
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

TEST(ThreadTimerTest, TheEndRunsWhatIsLeftInOrder) {
  std::vector<int> order;
  {
    ThreadTimer timer;
    timer.After(absl::InfiniteDuration(), [&] { order.push_back(3); });
    timer.After(absl::Hours(2), [&] { order.push_back(2); });
    timer.After(absl::Hours(1), [&] {
      order.push_back(1);
      timer.After(absl::Hours(9), [&] { order.push_back(4); });
    });
  }
  // The task of 9 h was asked for later, and "for ever" is 100 years.
  EXPECT_THAT(order, ElementsAre(1, 2, 4, 3));
}

// A task's captures are gone before the next one runs, so that nothing of it
// outlives its run by the time another takes.
TEST(ThreadTimerTest, ATaskIsDestroyedAfterItsRun) {
  ThreadTimer timer;
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> seen = held;
  std::promise<bool> gone;
  timer.After(absl::ZeroDuration(),
              [held = std::move(held), &timer, &gone, seen] {
                timer.After(absl::ZeroDuration(),
                            [&gone, seen] { gone.set_value(seen.expired()); });
              });
  EXPECT_TRUE(gone.get_future().get());
}

TEST(ThreadTimerTest, ManyThreadsMayAsk) {
  constexpr int kThreads = 8;
  constexpr int kTasks = 200;
  std::atomic<int> ran = 0;
  {
    ThreadTimer timer;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < kTasks; ++i)
          timer.After(absl::Microseconds((i * 37 + t) % 2000), [&] { ++ran; });
      });
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(ran, kThreads * kTasks);
}

TEST(FakeTimerTest, RunsByTheClockOrByHand) {
  FakeClock clock;
  std::vector<int> order;
  {
    FakeTimer timer(clock);
    timer.After(absl::Seconds(2), [&] { order.push_back(2); });
    timer.After(absl::Seconds(1), [&] {
      order.push_back(1);
      timer.After(absl::Seconds(5), [&] { order.push_back(3); });
    });
    timer.RunDue();
    EXPECT_THAT(order, ElementsAre());
    clock.Advance(absl::Seconds(1));
    timer.RunDue();
    EXPECT_THAT(order, ElementsAre(1));
    EXPECT_TRUE(timer.RunNext());
    EXPECT_THAT(order, ElementsAre(1, 2));
    EXPECT_EQ(clock.Monotonic(), absl::Hours(1) + absl::Seconds(2));
    EXPECT_EQ(timer.waiting(), 1u);
    EXPECT_THAT(timer.delays(), ElementsAre(absl::Seconds(2), absl::Seconds(1),
                                            absl::Seconds(5)));
  }
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace wxident

#include "server/base/mutex.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace wxident {
namespace {

struct Counter {
  Mutex mutex;
  CondVar changed;
  int count ABSL_GUARDED_BY(mutex) = 0;
};

TEST(MutexTest, OneThreadHoldsItAtATime) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&counter] {
      for (int i = 0; i < 1000; ++i) {
        MutexLock lock(counter.mutex);
        ++counter.count;
      }
    });
  for (std::thread& thread : threads) thread.join();
  MutexLock lock(counter.mutex);
  EXPECT_EQ(counter.count, 4000);
}

TEST(MutexTest, ALockMayBeGivenUpAndTakenAgain) {
  Counter counter;
  MutexLock lock(counter.mutex);
  counter.count = 1;
  lock.Unlock();
  std::thread([&counter] {
    MutexLock other(counter.mutex);
    ++counter.count;
  }).join();
  lock.Lock();
  EXPECT_EQ(counter.count, 2);
  // Ended without the mutex.
  lock.Unlock();
}

TEST(CondVarTest, AWaiterHearsOfAChange) {
  Counter counter;
  std::thread other([&counter] {
    for (int i = 0; i < 10; ++i) {
      MutexLock lock(counter.mutex);
      ++counter.count;
      counter.changed.NotifyAll();
    }
  });
  {
    MutexLock lock(counter.mutex);
    while (counter.count < 10) counter.changed.Wait(counter.mutex);
  }
  other.join();
}

TEST(CondVarTest, AWaitEndsWhenItsTimeHasPassed) {
  Counter counter;
  MutexLock lock(counter.mutex);
  while (counter.changed.WaitFor(counter.mutex, absl::Milliseconds(1))) {
  }
  EXPECT_EQ(counter.count, 0);
}

}  // namespace
}  // namespace wxident

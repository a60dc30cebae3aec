#include "server/crypto/random.h"

#include <sys/wait.h>
#include <unistd.h>

#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

TEST(RandomTest, TheSystemsGivesAsManyAsAskedAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i)
    EXPECT_TRUE(seen.insert(SystemRandom().Bytes(16)).second);
  EXPECT_EQ(SystemRandom().Bytes(0), "");
  EXPECT_EQ(SystemRandom().Bytes(33).size(), 33u);
}

TEST(RandomTest, NamesAreNeverTheSame) {
  std::mutex mutex;
  std::set<std::string> seen;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        const std::string name = SystemRandom().Name(8);
        EXPECT_EQ(name.size(), 8u);
        std::lock_guard<std::mutex> lock(mutex);
        EXPECT_TRUE(seen.insert(name).second);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(RandomTest, NamesMayBeOfAnySize) {
  EXPECT_EQ(SystemRandom().Name(0), "");
  std::set<std::string> seen;
  for (const size_t size : {1000, 1000, 1024, 1024, 5000, 5000}) {
    const std::string name = SystemRandom().Name(size);
    EXPECT_EQ(name.size(), size);
    EXPECT_TRUE(seen.insert(name).second);
  }
}

TEST(RandomTest, AForkedProcessGivesOtherNamesThanItsParent) {
  SystemRandom().Name(8);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string name = SystemRandom().Name(16);
    _exit(write(ends[1], name.data(), name.size()) == 16 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::string childs(16, '\0');
  ASSERT_EQ(read(ends[0], childs.data(), childs.size()), 16);
  EXPECT_NE(SystemRandom().Name(16), childs);
  close(ends[0]);
  close(ends[1]);
}

TEST(FakeRandomTest, RepeatsUnderASeed) {
  FakeRandom one(5);
  FakeRandom two(5);
  std::string first = one.Bytes(10);
  first += one.Bytes(22);
  EXPECT_EQ(first, two.Bytes(32));
  EXPECT_NE(first, FakeRandom(6).Bytes(32));
}

}  // namespace
}  // namespace wxident

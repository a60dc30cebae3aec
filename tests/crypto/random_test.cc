#include "server/crypto/random.h"

#include <set>
#include <string>

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

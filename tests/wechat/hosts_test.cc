#include "server/wechat/hosts.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/base/fake_clock.h"

namespace wxident {
namespace {

class HostsTest : public ::testing::Test {
 protected:
  std::string Next() { return hosts_.url(*hosts_.Choose({})); }

  FakeClock clock_;
  Hosts hosts_{{"https://a", "https://b", "https://c"}, clock_};
};

TEST_F(HostsTest, ThePreferredOneComesFirst) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Next(), "https://a");
}

TEST_F(HostsTest, OneCallTriesEachOnce) {
  std::set<size_t> tried;
  std::vector<std::string> order;
  while (std::optional<Hosts::Pick> pick = hosts_.Choose(tried)) {
    tried.insert(pick->index);
    order.push_back(hosts_.url(*pick));
  }
  EXPECT_EQ(order,
            (std::vector<std::string>{"https://a", "https://b", "https://c"}));
}

TEST_F(HostsTest, StaysOnTheNextWhileThePauseLasts) {
  hosts_.Unreachable(*hosts_.Choose({}));
  EXPECT_EQ(Next(), "https://b");
  clock_.Advance(absl::Milliseconds(999));
  EXPECT_EQ(Next(), "https://b");
}

TEST_F(HostsTest, OneRequestTriesAgainThenAllComeBack) {
  hosts_.Unreachable(*hosts_.Choose({}));
  clock_.Advance(absl::Seconds(1));
  const Hosts::Pick trial = *hosts_.Choose({});
  EXPECT_EQ(hosts_.url(trial), "https://a");
  EXPECT_EQ(Next(), "https://b");
  hosts_.Reached(trial);
  EXPECT_EQ(Next(), "https://a");
  EXPECT_EQ(Next(), "https://a");
}

TEST_F(HostsTest, ATrialThatIsNeverReportedIsRepeated) {
  hosts_.Unreachable(*hosts_.Choose({}));
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Next(), "https://a");
  EXPECT_EQ(Next(), "https://b");
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Next(), "https://a");
}

TEST_F(HostsTest, PausesGrowToAMinute) {
  hosts_.Unreachable(*hosts_.Choose({}));
  for (int seconds : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
    clock_.Advance(absl::Seconds(seconds) - absl::Milliseconds(1));
    ASSERT_EQ(Next(), "https://b") << seconds;
    clock_.Advance(absl::Milliseconds(1));
    const Hosts::Pick trial = *hosts_.Choose({});
    ASSERT_EQ(hosts_.url(trial), "https://a") << seconds;
    hosts_.Unreachable(trial);
  }
}

TEST_F(HostsTest, ManyFailuresOfOneMomentCountOnce) {
  std::vector<Hosts::Pick> picks;
  for (int i = 0; i < 64; ++i) picks.push_back(*hosts_.Choose({}));
  for (const Hosts::Pick& pick : picks) hosts_.Unreachable(pick);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Next(), "https://a");
}

TEST_F(HostsTest, OldNewsDoesNotBringAHostBack) {
  const Hosts::Pick early = *hosts_.Choose({});
  hosts_.Unreachable(*hosts_.Choose({}));
  hosts_.Reached(early);
  EXPECT_EQ(Next(), "https://b");
}

TEST_F(HostsTest, WithAllGoneTheFirstThatIsDueComes) {
  for (int i = 0; i < 3; ++i) {
    hosts_.Unreachable(*hosts_.Choose({}));
    clock_.Advance(absl::Milliseconds(100));
  }
  EXPECT_EQ(Next(), "https://a");
}

TEST_F(HostsTest, AStepOfTheWallClockChangesNothing) {
  hosts_.Unreachable(*hosts_.Choose({}));
  clock_.StepWallClock(absl::Hours(24));
  EXPECT_EQ(Next(), "https://b");
}

TEST_F(HostsTest, ASingleHostIsAlwaysAsked) {
  Hosts hosts({"https://only"}, clock_);
  hosts.Unreachable(*hosts.Choose({}));
  EXPECT_TRUE(hosts.Choose({}).has_value());
  EXPECT_FALSE(hosts.Choose({0}).has_value());
}

TEST_F(HostsTest, ThreadsMayShareIt) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1000; ++i) {
        const Hosts::Pick pick = *hosts_.Choose({});
        if ((i + t) % 2 == 0) {
          hosts_.Unreachable(pick);
        } else {
          hosts_.Reached(pick);
        }
        clock_.Advance(absl::Milliseconds(10));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(hosts_.Choose({}).has_value());
}

}  // namespace
}  // namespace wxident

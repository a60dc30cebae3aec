#include "server/wechat/breaker.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using Outcome = Breakers::Outcome;
using Pass = Breakers::Pass;
using State = WechatApi::Breaker::State;

constexpr char kApp[] = "wx00000000000000aa";
constexpr char kOther[] = "wx00000000000000bb";

class BreakerTest : public ::testing::Test {
 protected:
  Pass Enter() {
    const absl::StatusOr<Pass> pass = breakers_.Enter(kApp);
    EXPECT_TRUE(pass.ok()) << pass.status();
    return pass.ok() ? *pass : Pass{};
  }
  void Call(Outcome outcome) { breakers_.Leave(kApp, Enter(), outcome); }
  // How long the next call would have to wait; it is refused.
  absl::Duration Refusal() {
    const absl::Status status = breakers_.Enter(kApp).status();
    EXPECT_TRUE(HasReason(status, Reason::kWechatUnreachable)) << status;
    return DetailsOf(status).retry_after.value_or(absl::ZeroDuration());
  }
  void Open() {
    for (int i = 0; i < 5; ++i) Call(Outcome::kFailed);
    EXPECT_EQ(StateNow(), State::kOpen);
  }
  void PassTheOpenTime() { clock_.Advance(breakers_.StateOf(kApp).retry_in); }
  State StateNow() { return breakers_.StateOf(kApp).state; }
  void ExpectMetric(const std::string& value) {
    EXPECT_THAT(metrics_.Text(),
                HasSubstr("wxident_breaker_state{app_id=\"" +
                          std::string(kApp) + "\"} " + value + "\n"));
  }

  FakeClock clock_;
  FakeRandom random_;
  Metrics metrics_;
  Breakers breakers_{clock_, random_, metrics_};
};

TEST_F(BreakerTest, FiveFailuresInARowOpenIt) {
  for (int i = 0; i < 4; ++i) Call(Outcome::kFailed);
  // What says nothing neither counts nor begins anew; an answer does.
  Call(Outcome::kUnknown);
  Call(Outcome::kAnswered);
  for (int i = 0; i < 4; ++i) Call(Outcome::kFailed);
  EXPECT_EQ(StateNow(), State::kClosed);
  ExpectMetric("0");
  Call(Outcome::kUnknown);
  Call(Outcome::kFailed);
  EXPECT_EQ(StateNow(), State::kOpen);
  ExpectMetric("1");
  EXPECT_EQ(Refusal(), breakers_.StateOf(kApp).retry_in);
}

TEST_F(BreakerTest, OtherAppsAreNotHeldBack) {
  Open();
  EXPECT_TRUE(breakers_.Enter(kOther).ok());
  EXPECT_EQ(breakers_.StateOf(kOther).state, State::kClosed);
}

TEST_F(BreakerTest, OneCallTriesAndItsAnswerCloses) {
  Open();
  PassTheOpenTime();
  EXPECT_EQ(StateNow(), State::kOpen);
  const Pass trial = Enter();
  EXPECT_EQ(StateNow(), State::kHalfOpen);
  ExpectMetric("2");
  // The others go on waiting.
  EXPECT_EQ(Refusal(), absl::Seconds(1));
  breakers_.Leave(kApp, trial, Outcome::kAnswered);
  EXPECT_EQ(StateNow(), State::kClosed);
  ExpectMetric("0");
  // It begins anew: five failures, and the first pause.
  for (int i = 0; i < 4; ++i) Call(Outcome::kFailed);
  EXPECT_EQ(StateNow(), State::kClosed);
  Call(Outcome::kFailed);
  EXPECT_LE(Refusal(), absl::Milliseconds(1500));
}

TEST_F(BreakerTest, EachTimeItStaysOpenTwiceAsLong) {
  Open();
  for (int seconds : {1, 2, 4, 8, 16, 30, 30, 30}) {
    const absl::Duration pause = breakers_.StateOf(kApp).retry_in;
    EXPECT_GE(pause, absl::Seconds(seconds) * 0.5);
    EXPECT_LE(pause, absl::Seconds(seconds) * 1.5);
    clock_.Advance(pause - absl::Milliseconds(1));
    EXPECT_EQ(Refusal(), absl::Milliseconds(1));
    clock_.Advance(absl::Milliseconds(1));
    Call(Outcome::kFailed);
    EXPECT_EQ(StateNow(), State::kOpen);
  }
}

TEST_F(BreakerTest, TheTimeIsByChance) {
  absl::Duration shortest = absl::InfiniteDuration();
  absl::Duration longest;
  for (int i = 0; i < 200; ++i) {
    Open();
    const absl::Duration pause = breakers_.StateOf(kApp).retry_in;
    shortest = std::min(shortest, pause);
    longest = std::max(longest, pause);
    PassTheOpenTime();
    Call(Outcome::kAnswered);
  }
  EXPECT_LT(shortest, absl::Milliseconds(550));
  EXPECT_GT(longest, absl::Milliseconds(1450));
}

TEST_F(BreakerTest, ATrialThatSaysNothingLeavesTheNextOneToTry) {
  Open();
  PassTheOpenTime();
  Call(Outcome::kUnknown);
  EXPECT_EQ(StateNow(), State::kOpen);
  Call(Outcome::kAnswered);
  EXPECT_EQ(StateNow(), State::kClosed);
}

TEST_F(BreakerTest, ATrialThatNeverEndsIsFollowedByAnother) {
  Open();
  PassTheOpenTime();
  const Pass lost = Enter();
  clock_.Advance(absl::Milliseconds(9999));
  EXPECT_EQ(Refusal(), absl::Seconds(1));
  clock_.Advance(absl::Milliseconds(1));
  const Pass next = Enter();
  EXPECT_EQ(Refusal(), absl::Seconds(1));
  // The lost one has no say any more.
  breakers_.Leave(kApp, lost, Outcome::kFailed);
  EXPECT_EQ(StateNow(), State::kHalfOpen);
  breakers_.Leave(kApp, next, Outcome::kAnswered);
  EXPECT_EQ(StateNow(), State::kClosed);
}

TEST_F(BreakerTest, CallsFromBeforeHaveNoSay) {
  std::vector<Pass> early;
  for (int i = 0; i < 20; ++i) early.push_back(Enter());
  for (int i = 0; i < 5; ++i) breakers_.Leave(kApp, early[i], Outcome::kFailed);
  const absl::Duration pause = Refusal();
  EXPECT_LE(pause, absl::Milliseconds(1500));
  // Neither do more failures of the same moment make the pause longer, nor does
  // a late answer end it.
  for (int i = 5; i < 15; ++i)
    breakers_.Leave(kApp, early[i], Outcome::kFailed);
  breakers_.Leave(kApp, early[15], Outcome::kAnswered);
  EXPECT_EQ(Refusal(), pause);
  clock_.Advance(pause);
  Call(Outcome::kAnswered);
  for (int i = 15; i < 20; ++i)
    breakers_.Leave(kApp, early[i], Outcome::kFailed);
  EXPECT_EQ(StateNow(), State::kClosed);
}

TEST_F(BreakerTest, AStepOfTheWallClockChangesNothing) {
  Open();
  const absl::Duration pause = Refusal();
  clock_.StepWallClock(absl::Hours(1));
  EXPECT_EQ(Refusal(), pause);
  clock_.StepWallClock(-absl::Hours(2));
  EXPECT_EQ(Refusal(), pause);
}

TEST_F(BreakerTest, ManyThreadsGetOneTrial) {
  Open();
  PassTheOpenTime();
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 100; ++j)
        if (breakers_.Enter(kApp).ok()) ++passed;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, 1);
}

}  // namespace
}  // namespace wxident

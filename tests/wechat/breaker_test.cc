#include "server/wechat/breaker.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "tests/base/captured_log.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Outcome = Breakers::Outcome;
using Pass = Breakers::Pass;
using State = WechatApi::Breaker::State;

const Breakers::Of kLogin{"wx00000000000000aa", "jscode2session"};
const Breakers::Of kPhone{"wx00000000000000aa", "getuserphonenumber"};
const Breakers::Of kOtherApp{"wx00000000000000bb", "jscode2session"};

class BreakerTest : public ::testing::Test {
 protected:
  Pass Enter() {
    const absl::StatusOr<Pass> pass = breakers_.Enter(kLogin);
    EXPECT_TRUE(pass.ok()) << pass.status();
    return pass.ok() ? *pass : Pass{};
  }
  void Leave(Pass pass, Outcome outcome, const Breakers::Of& of = kLogin) {
    breakers_.Leave(of, pass, outcome,
                    outcome == Outcome::kAnswered
                        ? absl::OkStatus()
                        : Error(Reason::kOutcomeUnknown, "canary").ToStatus());
  }
  void Call(Outcome outcome) { Leave(Enter(), outcome); }
  // How long the next call would have to wait; it is refused.
  absl::Duration Refusal() {
    const absl::Status status = breakers_.Enter(kLogin).status();
    EXPECT_TRUE(HasReason(status, Reason::kWechatUnreachable)) << status;
    return DetailsOf(status).retry_after.value_or(absl::ZeroDuration());
  }
  void Open() {
    for (int i = 0; i < 5; ++i) Call(Outcome::kFailed);
    EXPECT_EQ(StateNow(), State::kOpen);
  }
  void PassTheOpenTime() { clock_.Advance(Of(kLogin).retry_in); }
  // Closed for what has not been asked.
  WechatApi::Breaker Of(const Breakers::Of& of) {
    for (const WechatApi::Breaker& breaker : breakers_.StatesOf(of.app_id))
      if (breaker.endpoint == of.endpoint) return breaker;
    return {};
  }
  State StateNow() { return Of(kLogin).state; }
  void ExpectMetric(const std::string& value) {
    EXPECT_THAT(metrics_.Text(),
                HasSubstr("wxident_breaker_state{app_id=\"" + kLogin.app_id +
                          "\",endpoint=\"jscode2session\"} " + value + "\n"));
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
  EXPECT_EQ(Refusal(), Of(kLogin).retry_in);
}

TEST_F(BreakerTest, OtherAppsAndEndpointsAreNotHeldBack) {
  Open();
  for (const Breakers::Of& other : {kPhone, kOtherApp}) {
    EXPECT_TRUE(breakers_.Enter(other).ok());
    EXPECT_EQ(Of(other).state, State::kClosed);
  }
  // Nor does their answer open it.
  Leave(*breakers_.Enter(kPhone), Outcome::kAnswered, kPhone);
  EXPECT_EQ(StateNow(), State::kOpen);
  // By name, of this app.
  const std::vector<WechatApi::Breaker> states =
      breakers_.StatesOf(kLogin.app_id);
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(states[0].endpoint, "getuserphonenumber");
  EXPECT_EQ(states[0].state, State::kClosed);
  EXPECT_EQ(states[1].endpoint, "jscode2session");
  EXPECT_EQ(states[1].state, State::kOpen);
  EXPECT_TRUE(breakers_.StatesOf("wx00000000000000a").empty());
}

TEST_F(BreakerTest, OpeningAndClosingAreLoggedOnce) {
  const std::string opened = LoggedBy([this] { Open(); });
  EXPECT_THAT(opened, HasSubstr("breaker_opened"));
  EXPECT_THAT(opened, HasSubstr(R"("app_id":"wx00000000000000aa")"));
  EXPECT_THAT(opened, HasSubstr(R"("endpoint":"jscode2session")"));
  EXPECT_THAT(opened, HasSubstr(R"("cause":"OUTCOME_UNKNOWN")"));
  EXPECT_THAT(opened, HasSubstr("\"pause\":\""));
  EXPECT_THAT(opened, Not(HasSubstr("canary")));
  // Trials in vain say nothing new.
  const std::string tried = LoggedBy([this] {
    for (int i = 0; i < 3; ++i) {
      PassTheOpenTime();
      Call(Outcome::kFailed);
    }
  });
  EXPECT_EQ(tried, "");
  const std::string closed = LoggedBy([this] {
    PassTheOpenTime();
    Call(Outcome::kAnswered);
    Call(Outcome::kAnswered);
  });
  EXPECT_THAT(closed, HasSubstr("breaker_closed"));
  EXPECT_EQ(closed.find("breaker_closed"), closed.rfind("breaker_closed"));
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
  Leave(trial, Outcome::kAnswered);
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
    const absl::Duration pause = Of(kLogin).retry_in;
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
    const absl::Duration pause = Of(kLogin).retry_in;
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
  Leave(lost, Outcome::kFailed);
  EXPECT_EQ(StateNow(), State::kHalfOpen);
  Leave(next, Outcome::kAnswered);
  EXPECT_EQ(StateNow(), State::kClosed);
}

TEST_F(BreakerTest, CallsFromBeforeHaveNoSay) {
  std::vector<Pass> early;
  for (int i = 0; i < 20; ++i) early.push_back(Enter());
  for (int i = 0; i < 5; ++i) Leave(early[i], Outcome::kFailed);
  const absl::Duration pause = Refusal();
  EXPECT_LE(pause, absl::Milliseconds(1500));
  // Neither do more failures of the same moment make the pause longer, nor does
  // a late answer end it.
  for (int i = 5; i < 15; ++i) Leave(early[i], Outcome::kFailed);
  Leave(early[15], Outcome::kAnswered);
  EXPECT_EQ(Refusal(), pause);
  clock_.Advance(pause);
  Call(Outcome::kAnswered);
  for (int i = 15; i < 20; ++i) Leave(early[i], Outcome::kFailed);
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
        if (breakers_.Enter(kLogin).ok()) ++passed;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, 1);
}

}  // namespace
}  // namespace wxident

#include "server/keeper/app_token_call.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "tests/keeper/replicas.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;

class AppTokenCallTest : public ::testing::Test {
 protected:
  AppTokenCallTest() {
    FetchedProfile follower;
    follower.openid = "o1";
    follower.unionid = "u1";
    wechat_.SetFollower(follower);
  }

  const App& app() { return world_.app(Replicas::kAccount); }

  void Start(Done<FetchedProfile> done) {
    CallWithAppToken<FetchedProfile>(
        world_.keeper(), app(), "user_info", world_.Later(),
        [this](Secret token, Done<FetchedProfile> answered) {
          wechat_.GetFollower(app(), std::move(token), "o1", "zh_CN",
                              Deadline::After(absl::Seconds(3), clock_),
                              std::move(answered));
        },
        std::move(done));
  }

  absl::StatusOr<FetchedProfile> Follower() {
    std::optional<absl::StatusOr<FetchedProfile>> out;
    Start([&](absl::StatusOr<FetchedProfile> answer) {
      EXPECT_FALSE(out.has_value());
      out = std::move(answer);
    });
    return *std::move(out);
  }

  Replicas world_;
  FakeWechatApi& wechat_ = world_.wechat;
  FakeClock& clock_ = world_.clock;
};

TEST_F(AppTokenCallTest, UsesTheToken) {
  const absl::StatusOr<FetchedProfile> follower = Follower();
  ASSERT_TRUE(follower.ok()) << follower.status();
  EXPECT_EQ(follower->unionid, "u1");
  EXPECT_THAT(wechat_.used_tokens(), ElementsAre("token_1"));
}

TEST_F(AppTokenCallTest, ARefusedTokenIsReplacedOnce) {
  ASSERT_TRUE(Follower().ok());
  wechat_.RefuseToken("token_1");
  wechat_.RotateToken();
  const absl::StatusOr<FetchedProfile> follower = Follower();
  ASSERT_TRUE(follower.ok()) << follower.status();
  EXPECT_EQ(follower->unionid, "u1");
  EXPECT_THAT(wechat_.used_tokens(),
              ElementsAre("token_1", "token_1", "token_2"));
  EXPECT_EQ(wechat_.fetches(), 2);
}

TEST_F(AppTokenCallTest, EachErrcodeOfARefusedTokenCounts) {
  for (const char* errcode : {"40001", "40014", "42001"}) {
    wechat_.FailNextAt("user_info", Error(Reason::kWechatBadResponse, "token")
                                        .With("errcode", errcode)
                                        .ToStatus());
    wechat_.RotateToken();
    const int before = wechat_.calls("user_info");
    EXPECT_TRUE(Follower().ok()) << errcode;
    EXPECT_EQ(wechat_.calls("user_info"), before + 2) << errcode;
  }
}

TEST_F(AppTokenCallTest, AnEndpointThatRefusesEveryTokenCostsFewOfThem) {
  ASSERT_TRUE(Follower().ok());
  // A call that is refused `times`, whatever its token.
  const auto refused = [&](int times) {
    for (int i = 0; i < times; ++i)
      wechat_.FailNextAt("user_info", Error(Reason::kWechatBadResponse, "token")
                                          .With("errcode", "40001")
                                          .ToStatus());
    EXPECT_TRUE(IsTokenRefused(Follower().status()));
  };
  // One new token, one more when 5 minutes have passed, and 10.
  for (int minutes : {0, 5, 10}) {
    world_.Pass(absl::Minutes(minutes));
    const int fetches = wechat_.fetches();
    wechat_.RotateToken();
    refused(2);
    EXPECT_EQ(wechat_.fetches(), fetches + 1) << minutes;
    for (int i = 0; i < 50; ++i) refused(1);
    EXPECT_EQ(wechat_.fetches(), fetches + 1) << minutes;
  }
  // Once it takes a token, it is believed again.
  ASSERT_TRUE(Follower().ok());
  const int fetches = wechat_.fetches();
  wechat_.RotateToken();
  refused(2);
  EXPECT_EQ(wechat_.fetches(), fetches + 1);
}

TEST_F(AppTokenCallTest, ASecondRefusalIsTheAnswer) {
  for (const char* token : {"token_1", "token_2", "token_3"})
    wechat_.RefuseToken(token);
  const absl::Status status = Follower().status();
  EXPECT_TRUE(HasReason(status, Reason::kWechatBadResponse)) << status;
  EXPECT_TRUE(IsTokenRefused(status));
  EXPECT_EQ(wechat_.calls("user_info"), 2);
}

TEST_F(AppTokenCallTest, OtherErrorsAreTheAnswerAtOnce) {
  for (Reason reason : {Reason::kWechatBusy, Reason::kOutcomeUnknown,
                        Reason::kApiUnauthorized, Reason::kDeadlinePassed}) {
    const int before = wechat_.calls("user_info");
    wechat_.FailNextAt("user_info", Error(reason, "").ToStatus());
    EXPECT_TRUE(HasReason(Follower().status(), reason));
    EXPECT_EQ(wechat_.calls("user_info"), before + 1);
  }
  EXPECT_EQ(wechat_.fetches(), 1);
}

TEST_F(AppTokenCallTest, WithoutATokenThereIsNoCall) {
  wechat_.FailNextAt("token", Error(Reason::kAppMisconfigured, "").ToStatus());
  EXPECT_TRUE(HasReason(Follower().status(), Reason::kAppMisconfigured));
  EXPECT_EQ(wechat_.calls("user_info"), 0);
}

TEST_F(AppTokenCallTest, AKeeperThatFailsAfterARefusalIsTheAnswer) {
  ASSERT_TRUE(Follower().ok());
  wechat_.RefuseToken("token_1");
  wechat_.FailNextAt("token", Error(Reason::kWechatBusy, "").ToStatus());
  EXPECT_TRUE(HasReason(Follower().status(), Reason::kWechatBusy));
  EXPECT_EQ(wechat_.calls("user_info"), 2);
}

// However many meet the refused token, it is replaced once.
TEST_F(AppTokenCallTest, ManyAtOnceShareOneReplacement) {
  ASSERT_TRUE(Follower().ok());
  wechat_.RefuseToken("token_1");
  wechat_.RotateToken();
  constexpr int kCallers = 32;
  std::atomic<int> good = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i)
    callers.emplace_back([&] {
      Start([&](absl::StatusOr<FetchedProfile> follower) {
        good += follower.ok() && follower->unionid == "u1" ? 1 : 0;
      });
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, kCallers);
  EXPECT_EQ(wechat_.fetches(), 2);
}

}  // namespace
}  // namespace wxident

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "server/wechat/wechat_api.h"
#include "tests/wechat/wechat_client_fixture.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;

absl::Status Unsent(absl::StatusCode code) {
  return MarkNothingSent(absl::Status(code, "canary-transport"));
}

TEST_F(WechatClientTest, GoesToTheNextHostWhileNothingIsSent) {
  http_.Fail(Unsent(absl::StatusCode::kUnavailable));
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange().ok());
  EXPECT_THAT(Urls(), ElementsAre("https://a.test", "https://b.test:8443"));
  // It stays there, and comes back.
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange().ok());
  clock_.Advance(absl::Seconds(1));
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange().ok());
  EXPECT_THAT(Urls(), ElementsAre("https://a.test", "https://b.test:8443",
                                  "https://b.test:8443", "https://a.test"));
}

TEST_F(WechatClientTest, WithNoHostItIsUnreachable) {
  http_.Fail(Unsent(absl::StatusCode::kUnavailable));
  http_.Fail(Unsent(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatUnreachable));
  EXPECT_EQ(http_.sent().size(), 2u);
}

TEST_F(WechatClientTest, NeverSendsAgainWhatMayHaveLeft) {
  for (absl::StatusCode code :
       {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
        absl::StatusCode::kDataLoss}) {
    const size_t before = http_.sent().size();
    http_.Fail(absl::Status(code, "canary"));
    EXPECT_FALSE(Exchange().ok());
    EXPECT_EQ(http_.sent().size(), before + 1);
    http_.Fail(absl::Status(code, "canary"));
    EXPECT_FALSE(Fetch().ok());
    EXPECT_EQ(http_.sent().size(), before + 2);
  }
}

TEST_F(WechatClientTest, TransportErrorsTellWhetherTheCodeStillLives) {
  const struct {
    absl::Status error;
    Reason reason;
  } cases[] = {
      {absl::UnavailableError(""), Reason::kOutcomeUnknown},
      {absl::DeadlineExceededError(""), Reason::kDeadlinePassed},
      {Unsent(absl::StatusCode::kDeadlineExceeded), Reason::kDeadlinePassed},
      {Unsent(absl::StatusCode::kResourceExhausted), Reason::kOverloaded},
      {absl::DataLossError(""), Reason::kWechatBadResponse},
  };
  for (const auto& [error, reason] : cases) {
    http_.Fail(error);
    const absl::Status status = Exchange().status();
    EXPECT_TRUE(HasReason(status, reason)) << status;
  }
}

TEST_F(WechatClientTest, OurOwnLimitIsNotTheCallersDeadline) {
  http_.Fail(absl::DeadlineExceededError(""));
  EXPECT_TRUE(HasReason(Exchange("code", absl::Seconds(60)).status(),
                        Reason::kOutcomeUnknown));
  http_.Fail(Unsent(absl::StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(HasReason(Exchange("code", absl::Seconds(60)).status(),
                        Reason::kWechatUnreachable));
}

TEST_F(WechatClientTest, AnAttemptEndsBeforeTheCallersDeadline) {
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange("code", absl::Seconds(2)).ok());
  EXPECT_EQ(http_.sent()[0].deadline.Left(clock_), absl::Milliseconds(1950));
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange("code", absl::Hours(1)).ok());
  EXPECT_EQ(http_.sent()[1].deadline.Left(clock_), absl::Seconds(5));
}

TEST_F(WechatClientTest, TooLittleTimeSendsNothing) {
  for (absl::Duration left : {absl::Milliseconds(69), absl::ZeroDuration(),
                              -absl::Seconds(1), -absl::InfiniteDuration()})
    EXPECT_TRUE(
        HasReason(Exchange("code", left).status(), Reason::kDeadlinePassed))
        << left;
  EXPECT_EQ(http_.sent().size(), 0u);
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange("code", absl::Milliseconds(70)).ok());
}

TEST_F(WechatClientTest, FailOverKeepsToTheDeadline) {
  http_.before_answer = [&] { clock_.Advance(absl::Seconds(3)); };
  http_.Fail(Unsent(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kDeadlinePassed));
  EXPECT_EQ(http_.sent().size(), 1u);
}

TEST_F(WechatClientTest, OneOpenBreakerHoldsNothingElseBack) {
  for (int i = 0; i < 5; ++i) {
    http_.Fail(absl::UnavailableError("canary"));
    EXPECT_TRUE(HasReason(Exchange().status(), Reason::kOutcomeUnknown));
  }
  ASSERT_EQ(client_.BreakersOf(app_).size(), 1u);
  const WechatApi::Breaker breaker = client_.BreakersOf(app_)[0];
  EXPECT_EQ(breaker.endpoint, "jscode2session");
  EXPECT_EQ(breaker.state, WechatApi::Breaker::State::kOpen);
  EXPECT_GT(breaker.retry_in, absl::ZeroDuration());
  // Nothing is sent.
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatUnreachable));
  EXPECT_EQ(http_.sent().size(), 5u);
  // All else of the app is asked.
  const auto ask = [&](const std::string& endpoint, auto call) {
    http_.Answer(R"({"errcode":-1})");
    EXPECT_TRUE(HasReason(call().status(), Reason::kWechatBusy)) << endpoint;
    EXPECT_EQ(http_.sent().back().endpoint, endpoint);
  };
  ask("stable_token", [&] { return Fetch(); });
  ask("getticket", [&] { return Ticket(); });
  ask("oauth2_access_token", [&] { return ExchangeOauth(); });
  ask("oauth2_refresh_token", [&] { return Refresh(); });
  ask("sns_userinfo", [&] { return UserInfo(); });
  ask("user_info", [&] { return Follower(); });
  ask("user_info_batchget", [&] { return Followers({"o"}); });
  ask("getuserphonenumber", [&] { return PhoneOf(); });
  ask("checksession", [&] { return CheckKey(); });
  EXPECT_EQ(http_.sent().size(), 14u);

  app_.app_id = "wx0000000000000001";
  EXPECT_TRUE(client_.BreakersOf(app_).empty());
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange().ok());
}

}  // namespace
}  // namespace wxident

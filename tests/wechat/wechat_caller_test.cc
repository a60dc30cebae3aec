#include "server/wechat/wechat_caller.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"
#include "tests/http/fake_http_client.h"

namespace wxident {
namespace {

using State = WechatApi::Breaker::State;

constexpr char kApp[] = "wx00000000000000aa";

absl::Status Unsent(absl::StatusCode code) {
  return MarkNothingSent(absl::Status(code, "canary"));
}

// What the calls' ends mean to the breaker.
class WechatCallerTest : public ::testing::Test {
 protected:
  absl::Status Ask(absl::Duration left = absl::Seconds(3)) {
    std::optional<absl::Status> out;
    caller_->Ask<int>(
        WechatCall{kApp, HttpRequest::Method::kGet, Secret("/x"), Secret(), "x",
                   ErrcodeContext::kApi},
        Deadline::After(left, clock_),
        [](const WechatResponse&, absl::Time) -> absl::StatusOr<int> {
          return 1;
        },
        [&](absl::StatusOr<int> answer) { out = answer.status(); });
    return *out;
  }
  WechatApi::Breaker Now() {
    const std::vector<WechatApi::Breaker> states = caller_->BreakersOf(kApp);
    return states.empty() ? WechatApi::Breaker() : states.front();
  }
  State StateNow() { return Now().state; }

  FakeClock clock_;
  FakeRandom random_;
  Metrics metrics_;
  WallClocks wall_clocks_{clock_, metrics_};
  FakeHttpClient http_;
  std::shared_ptr<WechatCaller> caller_ = std::make_shared<WechatCaller>(
      http_, std::vector<std::string>{"https://a.test", "https://b.test"},
      clock_, wall_clocks_, random_, metrics_);
};

TEST_F(WechatCallerTest, WhatOpensTheBreaker) {
  for (const absl::Status& end :
       {absl::UnavailableError(""), absl::DeadlineExceededError("")}) {
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(StateNow(), State::kClosed) << i;
      http_.Fail(end);
      EXPECT_FALSE(Ask().ok());
    }
    EXPECT_EQ(StateNow(), State::kOpen) << end;
    const size_t sent = http_.sent().size();
    const absl::Status refused = Ask();
    EXPECT_TRUE(HasReason(refused, Reason::kWechatUnreachable)) << refused;
    EXPECT_EQ(DetailsOf(refused).retry_after, Now().retry_in);
    EXPECT_EQ(http_.sent().size(), sent);
    clock_.Advance(Now().retry_in);
    http_.Answer("{}");
    EXPECT_TRUE(Ask().ok());
    EXPECT_EQ(StateNow(), State::kClosed);
  }
}

TEST_F(WechatCallerTest, NoHostsConnectionIsOneFailure) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(StateNow(), State::kClosed) << i;
    http_.Fail(Unsent(absl::StatusCode::kUnavailable));
    http_.Fail(Unsent(absl::StatusCode::kUnavailable));
    EXPECT_TRUE(HasReason(Ask(), Reason::kWechatUnreachable));
  }
  EXPECT_EQ(StateNow(), State::kOpen);
}

TEST_F(WechatCallerTest, OneHostOfTwoIsEnough) {
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(absl::Hours(1));
    http_.Fail(Unsent(absl::StatusCode::kUnavailable));
    http_.Answer("{}");
    EXPECT_TRUE(Ask().ok());
  }
  EXPECT_EQ(StateNow(), State::kClosed);
}

TEST_F(WechatCallerTest, WhatIsAnAnswer) {
  const absl::StatusOr<HttpResponse> ends[] = {
      HttpResponse{200, R"({"errcode":-1})"},
      HttpResponse{200, R"({"errcode":45009})"},
      HttpResponse{412, ""},
      HttpResponse{200, "<html>a login page</html>"},
      HttpResponse{200, ""},
      HttpResponse{302, ""},
      HttpResponse{404, "{}"},
      HttpResponse{429, "{}"},
      HttpResponse{500, "{}"},
      HttpResponse{502, "bad gateway"},
      HttpResponse{503, ""},
      HttpResponse{504, ""},
      absl::DataLossError("too large, or broken off"),
  };
  for (const auto& end : ends) {
    for (int i = 0; i < 20; ++i) {
      for (int j = 0; j < 4; ++j) {
        http_.Fail(absl::UnavailableError(""));
        EXPECT_FALSE(Ask().ok());
      }
      if (end.ok())
        http_.Answer(end->status, end->body);
      else
        http_.Fail(end.status());
      EXPECT_FALSE(Ask().ok());
    }
    EXPECT_EQ(StateNow(), State::kClosed);
  }
}

TEST_F(WechatCallerTest, WhatSaysNothingOfWechat) {
  for (int i = 0; i < 20; ++i) {
    http_.Fail(Unsent(absl::StatusCode::kResourceExhausted));
    EXPECT_TRUE(HasReason(Ask(), Reason::kOverloaded));
    // What waited in our own queue until its end.
    http_.Fail(Unsent(absl::StatusCode::kDeadlineExceeded));
    EXPECT_TRUE(HasReason(Ask(), Reason::kDeadlinePassed));
    // Callers that leave it less than 2 s.
    http_.Fail(absl::DeadlineExceededError(""));
    EXPECT_TRUE(
        HasReason(Ask(absl::Milliseconds(2049)), Reason::kDeadlinePassed));
    EXPECT_TRUE(
        HasReason(Ask(absl::Milliseconds(10)), Reason::kDeadlinePassed));
  }
  EXPECT_EQ(StateNow(), State::kClosed);
  for (int i = 0; i < 5; ++i) {
    http_.Fail(absl::DeadlineExceededError(""));
    EXPECT_TRUE(
        HasReason(Ask(absl::Milliseconds(2050)), Reason::kDeadlinePassed));
  }
  EXPECT_EQ(StateNow(), State::kOpen);
}

TEST_F(WechatCallerTest, ADeadlineThatPassedIsNoTrial) {
  for (int i = 0; i < 5; ++i) {
    http_.Fail(absl::UnavailableError(""));
    EXPECT_FALSE(Ask().ok());
  }
  clock_.Advance(Now().retry_in);
  EXPECT_TRUE(HasReason(Ask(absl::ZeroDuration()), Reason::kDeadlinePassed));
  EXPECT_EQ(StateNow(), State::kOpen);
  // One that is cut off leaves the next one to try.
  http_.Fail(absl::DeadlineExceededError(""));
  EXPECT_FALSE(Ask(absl::Seconds(1)).ok());
  EXPECT_EQ(StateNow(), State::kOpen);
  http_.Answer("{}");
  EXPECT_TRUE(Ask().ok());
  EXPECT_EQ(StateNow(), State::kClosed);
}

TEST_F(WechatCallerTest, AnswersTellWhatTimeItIsForWechat) {
  EXPECT_EQ(wall_clocks_.WechatTime(), clock_.Now());
  http_.Answer(200, "{}");
  EXPECT_TRUE(Ask().ok());
  EXPECT_EQ(wall_clocks_.WechatTime(), clock_.Now());
  // Whatever the answer says.
  const absl::Time theirs = clock_.Now() + absl::Minutes(10);
  http_.Answer(HttpResponse{502, "bad gateway", theirs});
  EXPECT_FALSE(Ask().ok());
  EXPECT_EQ(wall_clocks_.WechatTime(), theirs);
}

}  // namespace
}  // namespace wxident

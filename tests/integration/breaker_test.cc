// While WeChat is away, logins say so at once, and everything that does not
// need WeChat goes on.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;

// RetryInfo's delay; 0 without one.
absl::Duration RetryDelayOf(const grpc::Status& status) {
  google::rpc::Status wire;
  google::rpc::RetryInfo retry;
  if (wire.ParseFromString(status.error_details()))
    for (const auto& detail : wire.details())
      if (detail.Is<google::rpc::RetryInfo>()) detail.UnpackTo(&retry);
  return absl::Seconds(retry.retry_delay().seconds()) +
         absl::Nanoseconds(retry.retry_delay().nanos());
}

class BreakerTest : public testing::Test {
 protected:
  BreakerTest() : server_(world_) {}
  ~BreakerTest() override { EXPECT_EQ(server_.Stop(), 0); }

  grpc::Status LoginBy(const std::string& code) {
    return Login(server_.stub(), code, &login_);
  }

  // Fails five logins, and then one at once that has `code`.
  void ExpectOpenAfterFive(const std::vector<std::string>& codes,
                           const std::string& reason, const std::string& code) {
    ASSERT_EQ(codes.size(), 5u);
    for (const std::string& lost : codes) {
      const grpc::Status status = LoginBy(lost);
      EXPECT_EQ(ReasonOf(status), reason) << status.error_message();
    }
    refused_ = LoginBy(code);
    EXPECT_EQ(refused_.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(ReasonOf(refused_), "WECHAT_UNREACHABLE");
    EXPECT_GT(RetryDelayOf(refused_), absl::ZeroDuration());
    EXPECT_LE(RetryDelayOf(refused_), absl::Milliseconds(1500));
  }

  World world_;
  Wxidentd server_;
  v1::LoginResponse login_;
  grpc::Status refused_;
};

TEST_F(BreakerTest, LoginsWorkAgainWithinTheOpenTime) {
  const v1::LoginResponse before = LogIn(world_, server_, "ann");
  std::vector<std::string> lost;
  for (int i = 0; i < 5; ++i)
    lost.push_back(world_.sim().LoginCode(kMiniProgram, "ann"));
  const std::string code = world_.sim().LoginCode(kMiniProgram, "ann");
  world_.sim().Fault({{"path", "*"}, {"reset", true}});
  ExpectOpenAfterFive(lost, "OUTCOME_UNKNOWN", code);
  EXPECT_TRUE(IsActive(server_, before.session_token()));

  // Nothing was sent, so the code is as good as new.
  world_.sim().ClearFaults();
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(10);
  grpc::Status status = refused_;
  while (!status.ok() && Clock::now() < deadline) {
    EXPECT_EQ(ReasonOf(status), "WECHAT_UNREACHABLE");
    std::this_thread::sleep_for(
        absl::ToChronoMilliseconds(RetryDelayOf(status)));
    status = LoginBy(code);
  }
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(login_.user().user_id(), before.user().user_id());
  // All calls of WeChat's: the first login, the five, this one. So what was
  // refused reached nobody, and waiting as long as it was told to was enough.
  EXPECT_EQ(world_.sim().Calls("/sns/jscode2session"), 7);
  // Nothing is left of it.
  EXPECT_TRUE(LoginBy(world_.sim().LoginCode(kMiniProgram, "ann")).ok());
}

TEST_F(BreakerTest, WithoutWechatSessionsLiveOn) {
  const v1::LoginResponse before = LogIn(world_, server_, "bob");
  std::vector<std::string> codes;
  for (int i = 0; i < 5; ++i)
    codes.push_back(world_.sim().LoginCode(kMiniProgram, "bob"));
  world_.sim().Stop();
  ExpectOpenAfterFive(codes, "WECHAT_UNREACHABLE", codes[0]);
  EXPECT_TRUE(IsActive(server_, before.session_token()));
  v1::RefreshSessionRequest request;
  request.set_session_token(before.session_token());
  v1::RefreshSessionResponse refreshed;
  EXPECT_TRUE(
      server_.stub().RefreshSession(Within().get(), request, &refreshed).ok());
  EXPECT_TRUE(IsActive(server_, refreshed.session_token()));
  // And the operator sees it.
  v1::GetAppStatusRequest ask;
  ask.set_app_id(kMiniProgram);
  v1::GetAppStatusResponse app;
  const grpc::Status status =
      server_.admin().GetAppStatus(Within().get(), ask, &app);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(app.breakers_size(), 1);
  EXPECT_EQ(app.breakers(0).endpoint(), "jscode2session");
  EXPECT_EQ(app.breakers(0).state(), v1::Breaker::STATE_OPEN);
}

}  // namespace
}  // namespace wxident

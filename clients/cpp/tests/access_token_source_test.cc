#include "wxident/access_token_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>
#include <thread>
#include <vector>

#include "wxident/error.h"
#include "wxident/fake.h"

namespace wxident::client {
namespace {

using ::testing::HasSubstr;

constexpr char kApp[] = "wx0a1b2c3d4e5f6071";
// Well beyond what a busy machine needs.
constexpr absl::Duration kLong = absl::Minutes(1);

// Asks until something is so.
bool Eventually(const std::function<bool()>& is) {
  const absl::Time end = absl::Now() + kLong;
  while (absl::Now() < end) {
    if (is()) return true;
    std::this_thread::yield();
  }
  return false;
}

class AccessTokenSourceTest : public testing::Test {
 protected:
  AccessTokenSourceTest() : client_(fake_.MakeClient()) { fake_.AddApp(kApp); }

  // The stream has brought what the server has.
  bool Follows(AccessTokenSource& source) {
    const std::string current = fake_.AccessToken(kApp);
    return Eventually([&] {
      const auto token = source.Get(kLong);
      return token.ok() && token->access_token == current;
    });
  }

  FakeWxident fake_;
  const std::unique_ptr<Client> client_;
};

TEST_F(AccessTokenSourceTest, TheFirstTokenComesByTheStream) {
  AccessTokenSource source(*client_, kApp);
  ASSERT_TRUE(Eventually([&] { return fake_.Calls("WatchAccessToken") == 1; }));
  const auto token = source.Get(kLong);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->access_token, fake_.AccessToken(kApp));
  EXPECT_EQ(token->generation, 1);
  EXPECT_GT(token->expire_time, absl::Now() + absl::Hours(1));
}

TEST_F(AccessTokenSourceTest, FollowsRotations) {
  AccessTokenSource source(*client_, kApp);
  ASSERT_TRUE(source.Get(kLong).ok());
  fake_.RotateToken(kApp);
  fake_.RotateToken(kApp);
  EXPECT_TRUE(Follows(source));
  EXPECT_EQ(source.Get()->generation, 3);
  EXPECT_EQ(fake_.Calls("WatchAccessToken"), 1);
}

TEST_F(AccessTokenSourceTest, AStreamBringsATokenThatExpiresSoon) {
  fake_.RotateToken(kApp, absl::Seconds(50));
  AccessTokenSource source(*client_, kApp);
  ASSERT_TRUE(Eventually([&] { return fake_.Calls("WatchAccessToken") == 1; }));
  ASSERT_TRUE(Follows(source));
  const int calls = fake_.Calls("GetAccessToken");
  EXPECT_LE(calls, 1);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(source.Get().ok());
  EXPECT_LE(fake_.Calls("GetAccessToken"), 1);
}

TEST_F(AccessTokenSourceTest, ARejectionIsSharedByAll) {
  AccessTokenSource source(*client_, kApp);
  const std::string old = source.Get(kLong)->access_token;
  const int before = fake_.Calls("GetAccessToken");
  fake_.Hold("GetAccessToken");
  std::atomic<int> begun = 0;
  std::mutex mutex;
  std::set<std::string> answers;
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i)
    threads.emplace_back([&] {
      ++begun;
      const auto token = source.ReportRejected(old, kLong);
      std::lock_guard<std::mutex> lock(mutex);
      answers.insert(token.ok() ? token->access_token
                                : token.status().ToString());
    });
  EXPECT_TRUE(Eventually([&] {
    return begun == 50 && fake_.Calls("GetAccessToken") == before + 1;
  }));
  EXPECT_EQ(fake_.Calls("GetAccessToken"), before + 1);
  fake_.Release("GetAccessToken");
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(answers, testing::ElementsAre(fake_.AccessToken(kApp)));
  EXPECT_NE(fake_.AccessToken(kApp), old);
  const auto held = source.Get();
  EXPECT_EQ(held->access_token, fake_.AccessToken(kApp));
  EXPECT_EQ(held->generation, 2);
}

TEST_F(AccessTokenSourceTest, AnOldRejectionReplacesNothing) {
  AccessTokenSource source(*client_, kApp);
  const std::string old = source.Get(kLong)->access_token;
  const std::string current = fake_.RotateToken(kApp);
  EXPECT_EQ(source.ReportRejected(old)->access_token, current);
  EXPECT_EQ(fake_.AccessToken(kApp), current);
}

TEST_F(AccessTokenSourceTest, ARejectionThatFails) {
  AccessTokenSource source(*client_, kApp);
  const std::string old = source.Get(kLong)->access_token;
  fake_.FailNext("GetAccessToken", v1::ERROR_REASON_TOKEN_BUDGET_EXHAUSTED);
  EXPECT_TRUE(Is(source.ReportRejected(old).status(),
                 v1::ERROR_REASON_TOKEN_BUDGET_EXHAUSTED));
  EXPECT_TRUE(absl::IsInvalidArgument(source.ReportRejected("").status()));
}

TEST_F(AccessTokenSourceTest, AStreamThatEndsIsOpenedAgain) {
  AccessTokenSource source(*client_, kApp);
  ASSERT_TRUE(source.Get(kLong).ok());
  for (int streams = 2; streams <= 4; ++streams) {
    ASSERT_TRUE(Eventually(
        [&] { return fake_.Calls("WatchAccessToken") == streams - 1; }));
    fake_.EndStreams();
    ASSERT_TRUE(
        Eventually([&] { return fake_.Calls("WatchAccessToken") == streams; }));
  }
  fake_.RotateToken(kApp);
  EXPECT_TRUE(Follows(source));
}

TEST_F(AccessTokenSourceTest, AStreamThatFailsIsOpenedAgain) {
  for (int i = 0; i < 3; ++i)
    fake_.FailNext("WatchAccessToken", v1::ERROR_REASON_STORE_UNAVAILABLE);
  AccessTokenSource source(*client_, kApp);
  EXPECT_TRUE(Eventually([&] { return fake_.Calls("WatchAccessToken") == 4; }));
  EXPECT_TRUE(Follows(source));
}

TEST_F(AccessTokenSourceTest, WithoutAStreamItAsks) {
  fake_.Hold("WatchAccessToken");
  AccessTokenSource source(*client_, kApp);
  const auto token = source.Get(kLong);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->access_token, fake_.AccessToken(kApp));
  EXPECT_EQ(fake_.Calls("GetAccessToken"), 1);
  // What it has is good for long.
  EXPECT_TRUE(source.Get().ok());
  EXPECT_EQ(fake_.Calls("GetAccessToken"), 1);
}

TEST_F(AccessTokenSourceTest, WithoutAStreamItAsksAgainInTheLastMinute) {
  fake_.Hold("WatchAccessToken");
  fake_.RotateToken(kApp, absl::Seconds(50));
  AccessTokenSource source(*client_, kApp);
  ASSERT_TRUE(source.Get(kLong).ok());
  ASSERT_TRUE(source.Get(kLong).ok());
  EXPECT_EQ(fake_.Calls("GetAccessToken"), 2);
  // What is left of the token is better than an error.
  fake_.FailNext("GetAccessToken", v1::ERROR_REASON_STORE_UNAVAILABLE);
  const auto token = source.Get(kLong);
  EXPECT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(fake_.Calls("GetAccessToken"), 3);
}

TEST_F(AccessTokenSourceTest, TheServersErrorIsHeard) {
  AccessTokenSource source(*client_, "wx0000000000000000");
  const absl::Status status = source.Get(kLong).status();
  EXPECT_TRUE(Is(status, v1::ERROR_REASON_APP_UNKNOWN)) << status;
}

TEST_F(AccessTokenSourceTest, GetKeepsToItsTime) {
  fake_.Hold("WatchAccessToken");
  fake_.Hold("GetAccessToken");
  AccessTokenSource source(*client_, kApp);
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(source.Get(absl::Milliseconds(20)).status()));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      source.ReportRejected("x", absl::Milliseconds(20)).status()));
}

TEST_F(AccessTokenSourceTest, CloseEndsWhoWaits) {
  fake_.Hold("WatchAccessToken");
  fake_.Hold("GetAccessToken");
  AccessTokenSource source(*client_, kApp);
  absl::Status got, reported;
  std::thread getter([&] { got = source.Get(kLong).status(); });
  std::thread reporter(
      [&] { reported = source.ReportRejected("x", kLong).status(); });
  EXPECT_TRUE(Eventually([&] { return fake_.Calls("GetAccessToken") == 2; }));
  source.Close();
  getter.join();
  reporter.join();
  EXPECT_TRUE(absl::IsCancelled(got)) << got;
  EXPECT_TRUE(absl::IsCancelled(reported)) << reported;
  EXPECT_TRUE(absl::IsCancelled(source.Get().status()));
  EXPECT_TRUE(absl::IsCancelled(source.ReportRejected("x").status()));
  EXPECT_THAT(source.Get().status().message(), HasSubstr("make another one"));
  source.Close();
}

TEST_F(AccessTokenSourceTest, ManyComeAndGo) {
  for (int i = 0; i < 20; ++i) {
    AccessTokenSource source(*client_, kApp);
    std::thread getter([&] { EXPECT_TRUE(source.Get(kLong).ok()); });
    getter.join();
  }
  for (int i = 0; i < 20; ++i) AccessTokenSource source(*client_, kApp);
}

TEST(AccessTokenSourceAwayTest, AServerThatIsAway) {
  auto fake = std::make_unique<FakeWxident>();
  fake->AddApp(kApp);
  const auto client = fake->MakeClient();
  AccessTokenSource source(*client, kApp);
  const auto token = source.Get(kLong);
  ASSERT_TRUE(token.ok());
  fake.reset();
  // From memory, though there is no server.
  EXPECT_EQ(source.Get()->access_token, token->access_token);
}

}  // namespace
}  // namespace wxident::client

// The app's access_token, through real processes.

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

class AccessTokenTest : public testing::TestWithParam<const char*> {
 protected:
  grpc::Status Get(Wxidentd& server, v1::GetAccessTokenResponse* response,
                   const std::string& rejected = "") {
    v1::GetAccessTokenRequest request;
    request.set_app_id(GetParam());
    request.set_rejected_access_token(rejected);
    return server.stub().GetAccessToken(Within().get(), request, response);
  }

  int Fetches(World& world) {
    return world.sim().Calls("/cgi-bin/stable_token") +
           world.sim().Calls("/cgi-bin/token");
  }
};

TEST_P(AccessTokenTest, IsFetchedOnceForAllAndSurvivesARestart) {
  World world;
  std::string token;
  {
    Wxidentd server(world);
    std::vector<v1::GetAccessTokenResponse> answers(64);
    std::vector<std::thread> callers;
    for (auto& answer : answers)
      callers.emplace_back([&] { EXPECT_TRUE(Get(server, &answer).ok()); });
    for (std::thread& caller : callers) caller.join();
    token = answers[0].access_token();
    EXPECT_FALSE(token.empty());
    EXPECT_EQ(answers[0].generation(), 1);
    EXPECT_EQ(answers[0].kind(), v1::ACCESS_TOKEN_KIND_APP);
    for (const auto& answer : answers) EXPECT_EQ(answer.access_token(), token);
    EXPECT_EQ(Fetches(world), 1);
    EXPECT_EQ(server.Stop(), 0);
  }
  Wxidentd server(world);
  v1::GetAccessTokenResponse answer;
  ASSERT_TRUE(Get(server, &answer).ok());
  EXPECT_EQ(answer.access_token(), token);
  EXPECT_EQ(Fetches(world), 1);
}

TEST_P(AccessTokenTest, ARefusedTokenIsReplacedOnce) {
  World world;
  Wxidentd server(world);
  v1::GetAccessTokenResponse first;
  ASSERT_TRUE(Get(server, &first).ok());
  std::vector<v1::GetAccessTokenResponse> answers(64);
  std::vector<std::thread> callers;
  for (auto& answer : answers)
    callers.emplace_back(
        [&] { EXPECT_TRUE(Get(server, &answer, first.access_token()).ok()); });
  for (std::thread& caller : callers) caller.join();
  for (const auto& answer : answers) {
    EXPECT_NE(answer.access_token(), first.access_token());
    EXPECT_EQ(answer.access_token(), answers[0].access_token());
    EXPECT_EQ(answer.generation(), 2);
  }
  // stable_token is asked once more before it is forced: it may have a new one.
  EXPECT_EQ(Fetches(world), std::string(GetParam()) == kMiniProgram ? 3 : 2);
}

TEST_P(AccessTokenTest, WrongSecretIsTheOperatorsMatter) {
  World world;
  world.sim().Call("apps", {{"app_id", GetParam()},
                            {"secret", "00000000000000000000000000000000"}});
  Wxidentd server(world);
  v1::GetAccessTokenResponse answer;
  for (int i = 0; i < 10; ++i) {
    const grpc::Status status = Get(server, &answer);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(ReasonOf(status), "APP_MISCONFIGURED");
  }
  EXPECT_EQ(Fetches(world), 1);
}

INSTANTIATE_TEST_SUITE_P(BothModes, AccessTokenTest,
                         testing::Values(kMiniProgram, kOrdinaryApp));

}  // namespace
}  // namespace wxident

// Logging in, through real processes: server, database, simulator.

#include <gtest/gtest.h>

#include <barrier>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

class LoginTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = new World;
    server_ = new Wxidentd(*world_);
  }
  static void TearDownTestSuite() {
    EXPECT_EQ(server_->Stop(), 0) << server_->process().log();
    delete server_;
    delete world_;
  }

  v1::IdentityService::Stub& stub() { return server_->stub(); }
  Simulator& sim() { return world_->sim(); }
  int Count(const std::string& sql) { return std::stoi(world_->Query(sql)); }

  static World* world_;
  static Wxidentd* server_;
};

World* LoginTest::world_ = nullptr;
Wxidentd* LoginTest::server_ = nullptr;

TEST_F(LoginTest, GivesASessionThatValidatesUntilItIsRevoked) {
  v1::LoginResponse login;
  const std::string code = sim().LoginCode(kMiniProgram, "alice");
  ASSERT_TRUE(Login(stub(), code, &login).ok());
  EXPECT_TRUE(login.new_user());
  EXPECT_EQ(login.session_token().substr(0, 5), "wxs1_");
  EXPECT_EQ(login.identity().app_id(), kMiniProgram);
  EXPECT_FALSE(login.identity().openid().empty());
  EXPECT_FALSE(login.identity().unionid().empty());

  v1::ValidateSessionRequest ask;
  ask.set_session_token(login.session_token());
  v1::ValidateSessionResponse answer;
  ASSERT_TRUE(stub().ValidateSession(Within().get(), ask, &answer).ok());
  ASSERT_TRUE(answer.active());
  EXPECT_EQ(answer.session().user().user_id(), login.user().user_id());
  EXPECT_EQ(answer.session().identity().openid(), login.identity().openid());

  v1::RevokeSessionRequest revoke;
  revoke.set_session_token(login.session_token());
  v1::RevokeSessionResponse revoked;
  ASSERT_TRUE(stub().RevokeSession(Within().get(), revoke, &revoked).ok());
  EXPECT_EQ(revoked.revoked_count(), 1);
  for (bool strong : {false, true}) {
    ask.set_strong(strong);
    answer.Clear();
    ASSERT_TRUE(stub().ValidateSession(Within().get(), ask, &answer).ok());
    EXPECT_FALSE(answer.active());
  }
}

TEST_F(LoginTest, OnePersonIsOneUserInEveryAppOfTheAccount) {
  v1::LoginResponse first;
  v1::LoginResponse second;
  ASSERT_TRUE(Login(stub(), sim().LoginCode(kMiniProgram, "bob"), &first).ok());
  ASSERT_TRUE(
      Login(stub(), sim().LoginCode(kOrdinaryApp, "bob"), &second, kOrdinaryApp)
          .ok());
  EXPECT_EQ(first.user().user_id(), second.user().user_id());
  EXPECT_FALSE(second.new_user());
  EXPECT_NE(first.identity().openid(), second.identity().openid());

  v1::GetUserRequest ask;
  ask.set_user_id(first.user().user_id());
  v1::GetUserResponse user;
  ASSERT_TRUE(stub().GetUser(Within().get(), ask, &user).ok());
  EXPECT_EQ(user.identities_size(), 2);
}

TEST_F(LoginTest, SixtyFourCallsWithOneCodeAreOneLogin) {
  constexpr int kCallers = 64;
  constexpr int kRounds = 200;
  const int calls_before = sim().Calls("/sns/jscode2session");
  const int sessions_before = Count("SELECT count(*) FROM sessions");
  const int identities_before = Count("SELECT count(*) FROM identities");

  std::vector<std::string> codes;
  for (int i = 0; i < kRounds; ++i)
    codes.push_back(sim().LoginCode(kMiniProgram, absl::StrCat("racer", i)));
  std::vector<std::vector<v1::LoginResponse>> answers(
      kRounds, std::vector<v1::LoginResponse>(kCallers));
  std::barrier start(kCallers);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < kRounds; ++round) {
        start.arrive_and_wait();
        const grpc::Status status =
            Login(stub(), codes[round], &answers[round][caller]);
        EXPECT_TRUE(status.ok()) << status.error_message();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();

  for (const auto& round : answers)
    for (const v1::LoginResponse& answer : round)
      EXPECT_EQ(answer.SerializeAsString(), round[0].SerializeAsString());
  EXPECT_EQ(sim().Calls("/sns/jscode2session") - calls_before, kRounds);
  EXPECT_EQ(Count("SELECT count(*) FROM sessions") - sessions_before, kRounds);
  EXPECT_EQ(Count("SELECT count(*) FROM identities") - identities_before,
            kRounds);
}

TEST_F(LoginTest, ARetryGetsTheSameSessionOnAnyReplica) {
  const std::string code = sim().LoginCode(kMiniProgram, "carol");
  v1::LoginResponse first;
  v1::LoginResponse again;
  ASSERT_TRUE(Login(stub(), code, &first).ok());
  ASSERT_TRUE(Login(stub(), code, &again).ok());
  EXPECT_EQ(first.SerializeAsString(), again.SerializeAsString());

  Wxidentd replica(*world_);
  again.Clear();
  const grpc::Status status = Login(replica.stub(), code, &again);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(first.SerializeAsString(), again.SerializeAsString());
  EXPECT_EQ(replica.Stop(), 0);
}

TEST_F(LoginTest, DoesNotWaitForAnAccessToken) {
  const int before = sim().Calls("/cgi-bin/stable_token");
  v1::LoginResponse login;
  ASSERT_TRUE(
      Login(stub(), sim().LoginCode(kMiniProgram, "dave"), &login).ok());
  EXPECT_EQ(sim().Calls("/cgi-bin/stable_token"), before);
}

TEST_F(LoginTest, AShortSessionEnds) {
  v1::LoginRequest request;
  request.set_app_id(kMiniProgram);
  request.set_mini_program_code(sim().LoginCode(kMiniProgram, "erin"));
  request.mutable_session_ttl()->set_seconds(1);
  v1::LoginResponse login;
  ASSERT_TRUE(stub().Login(Within().get(), request, &login).ok());
  v1::ValidateSessionRequest ask;
  ask.set_session_token(login.session_token());
  v1::ValidateSessionResponse answer;
  ASSERT_TRUE(stub().ValidateSession(Within().get(), ask, &answer).ok());
  EXPECT_TRUE(answer.active());
  // The database's clock decides, so time really has to pass; the loop asks as
  // often as it can and ends by the session's end, or fails the test.
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (answer.active() && std::chrono::steady_clock::now() < give_up) {
    answer.Clear();
    ASSERT_TRUE(stub().ValidateSession(Within().get(), ask, &answer).ok());
  }
  EXPECT_FALSE(answer.active());
}

}  // namespace
}  // namespace wxident

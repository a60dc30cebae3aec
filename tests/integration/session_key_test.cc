// The session_key and the one before it, through real processes.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

class SessionKeyTest : public testing::Test {
 protected:
  SessionKeyTest() : server_(world_) {
    // Every login brings a new session_key.
    world_.sim().Call("settings", {{"session_key_min_rotation_s", 0}});
  }
  ~SessionKeyTest() override { EXPECT_EQ(server_.Stop(), 0); }

  // What WeChat encrypts for the user now.
  nlohmann::json Encrypt(const std::string& user) {
    return world_.sim().Call("encrypt", {{"app_id", kMiniProgram},
                                         {"user", user},
                                         {"payload", {{"openGId", "tGroup"}}}});
  }

  grpc::Status Open(const v1::LoginResponse& login, const nlohmann::json& data,
                    v1::DecryptUserDataResponse* response) {
    v1::DecryptUserDataRequest request;
    request.set_session_token(login.session_token());
    request.set_encrypted_data(data.at("encrypted_data").get<std::string>());
    request.set_iv(data.at("iv").get<std::string>());
    response->Clear();
    return server_.stub().DecryptUserData(Within().get(), request, response);
  }

  // The last replacement of a key is 10 minutes ago.
  void LetTenMinutesPass() {
    world_.Query(
        "UPDATE session_keys SET replaced_at = replaced_at - interval "
        "'10 min'");
  }

  bool KeyIsValid(const v1::LoginResponse& login) {
    v1::CheckSessionKeyRequest request;
    request.set_session_token(login.session_token());
    v1::CheckSessionKeyResponse response;
    const grpc::Status status =
        server_.stub().CheckSessionKey(Within().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.valid();
  }

  World world_;
  Wxidentd server_;
};

TEST_F(SessionKeyTest, DataOfTheKeyBeforeOpensForTenMinutes) {
  const v1::LoginResponse a = LogIn(world_, server_, "ann");
  const nlohmann::json under_a = Encrypt("ann");
  const v1::LoginResponse b = LogIn(world_, server_, "ann");
  const nlohmann::json under_b = Encrypt("ann");

  v1::DecryptUserDataResponse opened;
  for (const v1::LoginResponse* login : {&a, &b}) {
    for (const nlohmann::json* data : {&under_a, &under_b}) {
      const grpc::Status status = Open(*login, *data, &opened);
      ASSERT_TRUE(status.ok()) << status.error_message();
      EXPECT_EQ(nlohmann::json::parse(opened.json()).at("openGId"), "tGroup");
      EXPECT_GT(opened.watermark_time().seconds(), 0);
    }
  }

  LetTenMinutesPass();
  grpc::Status status = Open(a, under_a, &opened);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "SESSION_KEY_STALE");
  EXPECT_TRUE(Open(a, under_b, &opened).ok());
  // What a third login brings opens too, and the key before it still does.
  const v1::LoginResponse c = LogIn(world_, server_, "ann");
  EXPECT_TRUE(Open(c, Encrypt("ann"), &opened).ok());
  EXPECT_TRUE(Open(c, under_b, &opened).ok());
}

TEST_F(SessionKeyTest, DataOfNoKeyIsRejectedWhileNoneWasDropped) {
  const v1::LoginResponse login = LogIn(world_, server_, "bob");
  nlohmann::json data = Encrypt("bob");
  v1::DecryptUserDataResponse opened;
  EXPECT_TRUE(Open(login, data, &opened).ok());
  data["encrypted_data"] = std::string(64, 'A');
  const grpc::Status status = Open(login, data, &opened);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "DECRYPT_REJECTED");
}

TEST_F(SessionKeyTest, WeChatTellsWhetherTheKeyIsCurrent) {
  const v1::LoginResponse login = LogIn(world_, server_, "cy");
  EXPECT_TRUE(KeyIsValid(login));
  // The person's device logs in, and the code never reaches this server.
  world_.sim().Call("users", {{"app_id", kMiniProgram},
                              {"user", "cy"},
                              {"session_key", "CCCCCCCCCCCCCCCCCCCCCA=="}});
  EXPECT_FALSE(KeyIsValid(login));
  EXPECT_TRUE(KeyIsValid(LogIn(world_, server_, "cy")));
}

TEST_F(SessionKeyTest, ADeadTokenDoesNotLookLikeADeadKey) {
  const v1::LoginResponse login = LogIn(world_, server_, "dan");
  EXPECT_TRUE(KeyIsValid(login));
  world_.sim().Fault(
      {{"path", "/wxa/checksession"}, {"errcode", 40001}, {"count", 1}});
  EXPECT_TRUE(KeyIsValid(login));
  EXPECT_EQ(world_.sim().Calls("/wxa/checksession"), 3);
}

}  // namespace
}  // namespace wxident

// Phone numbers by a phone code, through real processes.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

constexpr char kGetPhone[] = "/wxa/business/getuserphonenumber";

class PhonesTest : public testing::Test {
 protected:
  PhonesTest() : server_(world_) {}
  ~PhonesTest() override { EXPECT_EQ(server_.Stop(), 0); }

  Simulator& sim() { return world_.sim(); }

  v1::LoginResponse LogInWithPhone(const std::string& user,
                                   const nlohmann::json& phone) {
    sim().Call("users",
               {{"app_id", kMiniProgram}, {"user", user}, {"phone", phone}});
    return LogIn(world_, server_, user);
  }

  std::string PhoneCode(const std::string& user) {
    return sim()
        .Call("phone_code", {{"app_id", kMiniProgram}, {"user", user}})
        .at("code")
        .get<std::string>();
  }

  grpc::Status Fetch(const v1::LoginResponse& login, const std::string& code,
                     v1::DecryptPhoneResponse* response) {
    v1::DecryptPhoneRequest request;
    request.set_session_token(login.session_token());
    request.set_phone_code(code);
    response->Clear();
    return server_.stub().DecryptPhone(Within().get(), request, response);
  }

  bool PhoneLinked(const std::string& user_id) {
    v1::GetUserRequest request;
    request.set_user_id(user_id);
    v1::GetUserResponse response;
    EXPECT_TRUE(
        server_.stub().GetUser(Within().get(), request, &response).ok());
    return response.user().phone_linked();
  }

  World world_;
  Wxidentd server_;
};

TEST_F(PhonesTest, APhoneCodeGivesTheNumberAndStoresItSealed) {
  const v1::LoginResponse login = LogInWithPhone("ann", "13580006666");
  EXPECT_FALSE(PhoneLinked(login.user().user_id()));
  v1::DecryptPhoneResponse phone;
  const grpc::Status status = Fetch(login, PhoneCode("ann"), &phone);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(phone.phone().phone_number(), "13580006666");
  EXPECT_EQ(phone.phone().pure_phone_number(), "13580006666");
  EXPECT_EQ(phone.phone().country_code(), "86");
  EXPECT_GT(phone.watermark_time().seconds(), 0);
  EXPECT_TRUE(PhoneLinked(login.user().user_id()));
  EXPECT_EQ(world_.Count("SELECT count(*) FROM phones"), 1);
  EXPECT_EQ(world_.Count("SELECT count(*) FROM phones WHERE "
                         "position('13580006666'::bytea IN phone_number) > 0"),
            0);
}

TEST_F(PhonesTest, AForeignNumberKeepsItsCountry) {
  const v1::LoginResponse login =
      LogInWithPhone("bob", {{"number", "91234567"}, {"country_code", "852"}});
  v1::DecryptPhoneResponse phone;
  ASSERT_TRUE(Fetch(login, PhoneCode("bob"), &phone).ok());
  EXPECT_EQ(phone.phone().pure_phone_number(), "91234567");
  EXPECT_EQ(phone.phone().country_code(), "852");
}

TEST_F(PhonesTest, ACodeOfAnotherUserIsRefusedAndStoresNothing) {
  LogInWithPhone("victim", "13511112222");
  const v1::LoginResponse thief = LogInWithPhone("thief", "13533334444");
  v1::DecryptPhoneResponse phone;
  const grpc::Status status = Fetch(thief, PhoneCode("victim"), &phone);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.error_code(), grpc::StatusCode::INTERNAL)
      << status.error_message();
  EXPECT_TRUE(phone.phone().phone_number().empty());
  EXPECT_EQ(world_.Count("SELECT count(*) FROM phones"), 0);
}

TEST_F(PhonesTest, ACodeWorksOnceAndForFiveMinutes) {
  const v1::LoginResponse login = LogInWithPhone("cy", "13580006666");
  const std::string code = PhoneCode("cy");
  v1::DecryptPhoneResponse phone;
  ASSERT_TRUE(Fetch(login, code, &phone).ok());
  grpc::Status status = Fetch(login, code, &phone);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  const std::string late = PhoneCode("cy");
  sim().Advance(absl::Seconds(301));
  status = Fetch(login, late, &phone);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "LOGIN_CODE_INVALID");
}

TEST_F(PhonesTest, ADeadTokenIsRepairedAndTheCodeStillWorks) {
  const v1::LoginResponse login = LogInWithPhone("dan", "13580006666");
  v1::DecryptPhoneResponse phone;
  ASSERT_TRUE(Fetch(login, PhoneCode("dan"), &phone).ok());
  sim().Advance(absl::Seconds(7201));
  const int before = sim().Calls(kGetPhone);
  const grpc::Status status = Fetch(login, PhoneCode("dan"), &phone);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(sim().Calls(kGetPhone) - before, 2);
  EXPECT_EQ(sim().Calls("/cgi-bin/stable_token"), 2);
}

TEST_F(PhonesTest, ACodeWhoseAnswerWasLostIsNotSentAgain) {
  const v1::LoginResponse login = LogInWithPhone("eve", "13580006666");
  sim().Fault(
      {{"path", kGetPhone}, {"reset", true}, {"when", "after"}, {"count", 1}});
  v1::DecryptPhoneResponse phone;
  const grpc::Status status = Fetch(login, PhoneCode("eve"), &phone);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "OUTCOME_UNKNOWN");
  EXPECT_EQ(sim().Calls(kGetPhone), 1);
}

}  // namespace
}  // namespace wxident

// Encrypted profiles and phones, through real processes.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

// One of tests/vectors/open_data.json, by name.
nlohmann::json Vector(const std::string& name) {
  std::ifstream file(Runfile("tests/vectors/open_data.json"));
  const nlohmann::json all = nlohmann::json::parse(file);
  for (const nlohmann::json& vector : all.at("open_data"))
    if (vector.at("name") == name) return vector;
  ADD_FAILURE() << "there is no vector " << name;
  return nlohmann::json::object();
}

struct Sample {
  explicit Sample(const nlohmann::json& vector)
      : session_key(vector.at("session_key")),
        iv(vector.at("iv")),
        encrypted_data(vector.at("encrypted_data")) {}
  std::string session_key;
  std::string iv;
  std::string encrypted_data;
};

// WeChat's published sample (wechat-api 15.1) and whose it is.
const Sample& Official() {
  static const Sample& sample = *new Sample(Vector("official_profile"));
  return sample;
}
constexpr char kOfficialOpenid[] = "oGZUI0egBJY1zhBYw2KhdUfwVJJE";
constexpr char kOfficialUnionid[] = "ocMvos6NjeKLIBqg5Mr9QjxrP1FA";
// A key under which the sample's padding looks right and its text does not.
constexpr char kWrongKeyWithValidPadding[] = "+fiPjVsVLugwo80z4CGYqA==";

class UserDataTest : public testing::Test {
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

  // Logs a user in whose session_key is a given one.
  v1::LoginResponse LogIn(const std::string& user, const std::string& openid,
                          const std::string& session_key) {
    nlohmann::json fields = {{"app_id", kMiniProgram}, {"user", user}};
    if (!openid.empty()) fields["openid"] = openid;
    if (!session_key.empty()) fields["session_key"] = session_key;
    sim().Call("users", fields);
    v1::LoginResponse login;
    const grpc::Status status =
        Login(stub(), sim().LoginCode(kMiniProgram, user), &login);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return login;
  }

  grpc::Status GetProfile(const std::string& session_token,
                          const std::string& encrypted_data,
                          const std::string& iv,
                          v1::GetUserInfoResponse* response) {
    v1::GetUserInfoRequest request;
    request.set_session_token(session_token);
    request.mutable_encrypted_profile()->set_encrypted_data(encrypted_data);
    request.mutable_encrypted_profile()->set_iv(iv);
    return stub().GetUserInfo(Within().get(), request, response);
  }

  grpc::Status DecryptPhone(const std::string& session_token,
                            const std::string& encrypted_data,
                            const std::string& iv,
                            v1::DecryptPhoneResponse* response) {
    v1::DecryptPhoneRequest request;
    request.set_session_token(session_token);
    request.mutable_encrypted()->set_encrypted_data(encrypted_data);
    request.mutable_encrypted()->set_iv(iv);
    return stub().DecryptPhone(Within().get(), request, response);
  }

  static World* world_;
  static Wxidentd* server_;
};

World* UserDataTest::world_ = nullptr;
Wxidentd* UserDataTest::server_ = nullptr;

TEST_F(UserDataTest, TheOfficialSampleOpensAndIsStored) {
  const v1::LoginResponse login =
      LogIn("band", kOfficialOpenid, Official().session_key);
  v1::GetUserInfoResponse opened;
  const grpc::Status status = GetProfile(
      login.session_token(), Official().encrypted_data, Official().iv, &opened);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(opened.user_info().nickname(), "Band");
  EXPECT_EQ(opened.user_info().city(), "Guangzhou");
  EXPECT_EQ(opened.user_info().gender(), v1::GENDER_MALE);
  EXPECT_EQ(opened.identity().openid(), kOfficialOpenid);
  EXPECT_EQ(opened.identity().unionid(), kOfficialUnionid);
  EXPECT_EQ(opened.user().user_id(), login.user().user_id());

  v1::GetUserInfoRequest ask;
  ask.mutable_identity_ref()->set_app_id(kMiniProgram);
  ask.mutable_identity_ref()->set_openid(kOfficialOpenid);
  ask.mutable_stored();
  v1::GetUserInfoResponse stored;
  ASSERT_TRUE(stub().GetUserInfo(Within().get(), ask, &stored).ok());
  EXPECT_EQ(stored.SerializeAsString(), opened.SerializeAsString());
}

TEST_F(UserDataTest, AWrongKeyWithValidPaddingIsRefused) {
  const v1::LoginResponse login =
      LogIn("padded", "", kWrongKeyWithValidPadding);
  v1::GetUserInfoResponse response;
  const grpc::Status status =
      GetProfile(login.session_token(), Official().encrypted_data,
                 Official().iv, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "DECRYPT_REJECTED");
}

TEST_F(UserDataTest, SomebodyElsesProfileIsRefused) {
  const v1::LoginResponse login =
      LogIn("thief", "oSomebodyElse000000000000001", Official().session_key);
  v1::GetUserInfoResponse response;
  const grpc::Status status =
      GetProfile(login.session_token(), Official().encrypted_data,
                 Official().iv, &response);
  EXPECT_EQ(ReasonOf(status), "DECRYPT_REJECTED");
}

TEST_F(UserDataTest, APhoneIsOpenedStoredAndSealed) {
  sim().Call(
      "users",
      {{"app_id", kMiniProgram}, {"user", "phil"}, {"phone", "13912345678"}});
  v1::LoginResponse login;
  ASSERT_TRUE(
      Login(stub(), sim().LoginCode(kMiniProgram, "phil"), &login).ok());
  EXPECT_FALSE(login.user().phone_linked());
  const nlohmann::json encrypted =
      sim().Call("encrypt", {{"app_id", kMiniProgram},
                             {"user", "phil"},
                             {"payload",
                              {{"phoneNumber", "13912345678"},
                               {"purePhoneNumber", "13912345678"},
                               {"countryCode", "86"}}}});
  v1::DecryptPhoneResponse phone;
  const grpc::Status status =
      DecryptPhone(login.session_token(), encrypted.at("encrypted_data"),
                   encrypted.at("iv"), &phone);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(phone.phone().phone_number(), "13912345678");
  EXPECT_EQ(phone.phone().country_code(), "86");

  v1::GetUserRequest ask;
  ask.set_user_id(login.user().user_id());
  v1::GetUserResponse user;
  ASSERT_TRUE(stub().GetUser(Within().get(), ask, &user).ok());
  EXPECT_TRUE(user.user().phone_linked());
  EXPECT_EQ(world_->Query("SELECT count(*) FROM phones WHERE "
                          "position('13912345678'::bytea IN phone_number) > 0"),
            "0");
}

TEST_F(UserDataTest, DataOfTheKeyBeforeStillOpens) {
  const v1::LoginResponse first =
      LogIn("twice", "", "AAAAAAAAAAAAAAAAAAAAAA==");
  const nlohmann::json encrypted =
      sim().Call("encrypt", {{"app_id", kMiniProgram},
                             {"user", "twice"},
                             {"payload",
                              {{"phoneNumber", "13912345678"},
                               {"purePhoneNumber", "13912345678"},
                               {"countryCode", "86"}}}});
  LogIn("twice", "", "BBBBBBBBBBBBBBBBBBBBBA==");
  v1::DecryptPhoneResponse phone;
  EXPECT_TRUE(DecryptPhone(first.session_token(),
                           encrypted.at("encrypted_data"), encrypted.at("iv"),
                           &phone)
                  .ok());
}

TEST_F(UserDataTest, BadInputIsNamed) {
  const v1::LoginResponse login = LogIn("clumsy", "", "");
  v1::DecryptPhoneResponse phone;
  grpc::Status status =
      DecryptPhone(login.session_token(), "not base64!", Official().iv, &phone);
  EXPECT_EQ(ReasonOf(status), "REQUEST_INVALID");
  EXPECT_NE(status.error_message().find("encrypted.encrypted_data"),
            std::string::npos);
  status = DecryptPhone(login.session_token(), Official().encrypted_data,
                        "AAAA", &phone);
  EXPECT_NE(status.error_message().find("encrypted.iv"), std::string::npos);
  status = DecryptPhone("wxs1_unknown", Official().encrypted_data,
                        Official().iv, &phone);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "SESSION_NOT_ACTIVE");
}

}  // namespace
}  // namespace wxident

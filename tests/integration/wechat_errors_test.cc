// Whatever WeChat answers to a login, the caller gets the status and reason of
// the contract, the server lives, and no secret shows in any output.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

using grpc::StatusCode;

struct Case {
  int errcode;
  StatusCode code;
  const char* reason;
};

// Every row of WeChat's error codes (wechat-api 13) as a login must answer it.
const Case kErrcodes[] = {
    {-1, StatusCode::UNAVAILABLE, "WECHAT_BUSY"},
    {40001, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {40002, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {40003, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {40013, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {40014, StatusCode::UNAVAILABLE, "WECHAT_BAD_RESPONSE"},
    {40029, StatusCode::FAILED_PRECONDITION, "LOGIN_CODE_INVALID"},
    {40030, StatusCode::FAILED_PRECONDITION, "LOGIN_CODE_INVALID"},
    {40032, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {40097, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {40125, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {40163, StatusCode::FAILED_PRECONDITION, "LOGIN_CODE_CONSUMED"},
    {40164, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {40226, StatusCode::PERMISSION_DENIED, "USER_BLOCKED"},
    {40243, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {41001, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {41002, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {41003, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {41004, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {41008, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {41009, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {41018, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {41030, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {42001, StatusCode::UNAVAILABLE, "WECHAT_BAD_RESPONSE"},
    {42002, StatusCode::FAILED_PRECONDITION, "LOGIN_CODE_INVALID"},
    {42003, StatusCode::FAILED_PRECONDITION, "LOGIN_CODE_INVALID"},
    {42007, StatusCode::FAILED_PRECONDITION, "LOGIN_CODE_INVALID"},
    {43001, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {43002, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {43003, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {43004, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {43101, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {44002, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {44990, StatusCode::RESOURCE_EXHAUSTED, "WECHAT_RATE_LIMITED"},
    {45009, StatusCode::RESOURCE_EXHAUSTED, "WECHAT_RATE_LIMITED"},
    {45011, StatusCode::RESOURCE_EXHAUSTED, "WECHAT_RATE_LIMITED"},
    {45035, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {47001, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {48001, StatusCode::PERMISSION_DENIED, "API_UNAUTHORIZED"},
    {48004, StatusCode::PERMISSION_DENIED, "API_UNAUTHORIZED"},
    {48006, StatusCode::RESOURCE_EXHAUSTED, "WECHAT_RATE_LIMITED"},
    {50001, StatusCode::PERMISSION_DENIED, "API_UNAUTHORIZED"},
    {50002, StatusCode::PERMISSION_DENIED, "USER_BLOCKED"},
    {50004, StatusCode::PERMISSION_DENIED, "API_UNAUTHORIZED"},
    {50005, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {61003, StatusCode::PERMISSION_DENIED, "API_UNAUTHORIZED"},
    {61004, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {61005, StatusCode::UNAVAILABLE, "WECHAT_BUSY"},
    {61006, StatusCode::UNAVAILABLE, "WECHAT_BUSY"},
    {61007, StatusCode::PERMISSION_DENIED, "API_UNAUTHORIZED"},
    {61011, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {61014, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {61023, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {61024, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {76001, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {76002, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {76003, StatusCode::PERMISSION_DENIED, "API_UNAUTHORIZED"},
    {76021, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {76022, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {87007, StatusCode::FAILED_PRECONDITION, "SESSION_KEY_STALE"},
    {87008, StatusCode::INTERNAL, "WECHAT_REQUEST_REJECTED"},
    {87009, StatusCode::FAILED_PRECONDITION, "SESSION_KEY_STALE"},
    {89002, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {89300, StatusCode::INVALID_ARGUMENT, "REQUEST_INVALID"},
    {89501, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {89503, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {89506, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {89507, StatusCode::FAILED_PRECONDITION, "APP_MISCONFIGURED"},
    {99999, StatusCode::UNKNOWN, "WECHAT_ERRCODE_UNKNOWN"},
};

constexpr char kPath[] = "/sns/jscode2session";

// Answers that are none.
nlohmann::json MalformedAnswers() {
  return nlohmann::json::array({
      {{"http_status", 502}, {"body", "<html>bad gateway</html>"}},
      {{"body", "<html>200 but no JSON</html>"}},
      {{"body", ""}},
      {{"body", "null"}},
      {{"body", "[]"}},
      {{"body", "{"}},
      {{"body", "{}"}},
      {{"body", "{\"errcode\":0}"}},
      {{"body", "{\"errcode\":\"a lot\"}"}},
      {{"body", "{\"openid\":\"o1234567890123456789012345678\"}"}},
      {{"body", "{\"openid\":\"\",\"session_key\":\"\"}"}},
      {{"body", "{\"openid\":7,\"session_key\":{}}"}},
      {{"body",
        "{\"openid\":\"o1234567890123456789012345678\","
        "\"session_key\":\"not base64\"}"}},
      {{"body", std::string(100'000, '[')}},
      {{"body", std::string(200'000, 'x')}},
      {{"body",
        "{\"openid\":\"o1\",\"openid\":\"o2\",\"session_key\":"
        "\"AAAAAAAAAAAAAAAAAAAAAA==\"}"}},
  });
}

class WechatErrorsTest : public testing::Test {
 protected:
  // Logs in while one rule of faults stands, and collects what came out.
  grpc::Status LoginWith(nlohmann::json rule) {
    rule["path"] = kPath;
    world_.sim().Fault(rule);
    const std::string code = world_.sim().LoginCode(kMiniProgram, "canary");
    canaries_.push_back(code);
    v1::LoginResponse response;
    const grpc::Status status = Login(server_.stub(), code, &response);
    if (status.ok()) canaries_.push_back(response.session_token());
    absl::StrAppend(&outputs_, status.error_message(), status.error_details());
    world_.sim().ClearFaults();
    return status;
  }

  void LoginWell() {
    const std::string code = world_.sim().LoginCode(kMiniProgram, "canary");
    v1::LoginResponse response;
    const grpc::Status status = Login(server_.stub(), code, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    canaries_.push_back(code);
    canaries_.push_back(response.session_token());
  }

  World world_;
  Wxidentd server_{world_, {"--log-level=debug"}};
  std::vector<std::string> canaries_ = world_.secrets();
  std::string outputs_;
};

TEST_F(WechatErrorsTest, EveryAnswerHasItsStatusAndNoSecretShows) {
  world_.sim().Call(
      "users",
      {{"app_id", kMiniProgram}, {"user", "canary"}, {"phone", "13900008888"}});
  canaries_.push_back("13900008888");

  for (const Case& expected : kErrcodes) {
    const grpc::Status status = LoginWith({{"errcode", expected.errcode}});
    EXPECT_EQ(status.error_code(), expected.code) << expected.errcode;
    EXPECT_EQ(ReasonOf(status), expected.reason) << expected.errcode;
    EXPECT_EQ(MetadataOf(status)["errcode"], absl::StrCat(expected.errcode));
    EXPECT_EQ(MetadataOf(status)["rid"].size(), 26u) << expected.errcode;
  }
  for (const nlohmann::json& answer : MalformedAnswers()) {
    const grpc::Status status = LoginWith(answer);
    EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE)
        << answer.dump().substr(0, 200);
    EXPECT_EQ(ReasonOf(status), "WECHAT_BAD_RESPONSE")
        << answer.dump().substr(0, 200) << ": " << status.error_message();
    LoginWell();
  }
  // Cut or reset after the request was read: the code may be spent.
  for (const nlohmann::json& fault :
       {nlohmann::json{{"reset", true}, {"when", "after"}},
        nlohmann::json{{"cut_after", 20}, {"when", "after"}}}) {
    const grpc::Status status = LoginWith(fault);
    EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE) << fault;
    EXPECT_EQ(ReasonOf(status), fault.contains("reset") ? "OUTCOME_UNKNOWN"
                                                        : "WECHAT_BAD_RESPONSE")
        << fault;
  }
  // An errcode as a numeric string is an errcode.
  EXPECT_EQ(ReasonOf(LoginWith(
                {{"body", "{\"errcode\":\"40029\",\"errmsg\":\"x\"}"}})),
            "LOGIN_CODE_INVALID");
  // After all that the server still works.
  v1::LoginResponse login;
  ASSERT_TRUE(Login(server_.stub(),
                    world_.sim().LoginCode(kMiniProgram, "canary"), &login)
                  .ok());
  canaries_.push_back(login.session_token());
  v1::GetAccessTokenRequest ask;
  ask.set_app_id(kMiniProgram);
  v1::GetAccessTokenResponse token;
  ASSERT_TRUE(server_.stub().GetAccessToken(Within().get(), ask, &token).ok());
  canaries_.push_back(token.access_token());
  const nlohmann::json phone = world_.sim().Call(
      "encrypt",
      {{"app_id", kMiniProgram}, {"user", "canary"}, {"payload", "phone"}});
  v1::DecryptPhoneRequest decrypt;
  decrypt.set_session_token(login.session_token());
  decrypt.mutable_encrypted()->set_encrypted_data(
      phone.at("encrypted_data").get<std::string>());
  decrypt.mutable_encrypted()->set_iv(phone.at("iv").get<std::string>());
  v1::DecryptPhoneResponse opened;
  ASSERT_TRUE(
      server_.stub().DecryptPhone(Within().get(), decrypt, &opened).ok());
  EXPECT_EQ(opened.phone().phone_number(), "13900008888");
  const nlohmann::json user = world_.sim().Call(
      "users", {{"app_id", kMiniProgram}, {"user", "canary"}});
  canaries_.push_back(user.at("session_key").get<std::string>());

  EXPECT_EQ(server_.Stop(), 0);
  outputs_ += server_.process().log();
  outputs_ += world_.postgres().Log();
  // The search itself works: what must be there is found.
  ASSERT_NE(outputs_.find("WECHAT_BAD_RESPONSE"), std::string::npos);
  for (const std::string& canary : canaries_) {
    ASSERT_GE(canary.size(), 8u);
    EXPECT_EQ(outputs_.find(canary), std::string::npos)
        << "a secret shows: " << canary;
  }
}

TEST_F(WechatErrorsTest, ASpentCodeIsNeverSentAgain) {
  world_.sim().Fault({{"path", kPath}, {"reset", true}, {"when", "after"}});
  const std::string code = world_.sim().LoginCode(kMiniProgram, "zoe");
  v1::LoginResponse response;
  EXPECT_EQ(ReasonOf(Login(server_.stub(), code, &response)),
            "OUTCOME_UNKNOWN");
  world_.sim().ClearFaults();
  const int calls = world_.sim().Calls(kPath);
  const grpc::Status status = Login(server_.stub(), code, &response);
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "LOGIN_CODE_CONSUMED");
  EXPECT_EQ(world_.sim().Calls(kPath), calls);
}

TEST_F(WechatErrorsTest, AnUnreachableWechatCostsNoCode) {
  const std::string code = world_.sim().LoginCode(kMiniProgram, "yan");
  world_.sim().Stop();
  v1::LoginResponse response;
  const grpc::Status status = Login(server_.stub(), code, &response);
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "WECHAT_UNREACHABLE");
}

TEST_F(WechatErrorsTest, ASilentWechatIsBoundedByTheCallersDeadline) {
  world_.sim().Fault({{"path", kPath}, {"latency_ms", 60'000}});
  v1::LoginRequest request;
  request.set_app_id(kMiniProgram);
  request.set_mini_program_code(world_.sim().LoginCode(kMiniProgram, "xena"));
  v1::LoginResponse response;
  const auto began = std::chrono::steady_clock::now();
  const grpc::Status status = server_.stub().Login(
      Within(absl::Milliseconds(700)).get(), request, &response);
  EXPECT_EQ(status.error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

}  // namespace
}  // namespace wxident

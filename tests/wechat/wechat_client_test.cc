#include "server/wechat/wechat_client.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "server/wechat/json.h"
#include "server/wechat/wechat_api.h"
#include "tests/wechat/wechat_client_fixture.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

TEST_F(WechatClientTest, ExchangesACode) {
  http_.Answer(kSessionBody);
  const absl::StatusOr<CodeSession> session = Exchange("0a&b=c d%\xE5");
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->openid, "oGZUI0egBJY1zhBYw2KhdUfwVJJE");
  EXPECT_EQ(session->unionid, "ocMvos6NjeKLIBqg5Mr9QjxrP1FA");
  EXPECT_EQ(session->session_key.Expose(), "tiihtNczf5v6AKRyjwEUhQ==");
  ASSERT_EQ(http_.sent().size(), 1u);
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "jscode2session");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/sns/jscode2session?appid=wx4f4bc4dec97d474b"
            "&secret=canary-secret&js_code=0a%26b%3Dc%20d%25%E5"
            "&grant_type=authorization_code");
}

TEST_F(WechatClientTest, TakesWhatWechatMayLeaveOutOrAdd) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"session_key":"tiihtNczf5v6AKRyjwEUhQ==","openid":"o1"})", ""},
      {R"({"errcode":0,"errmsg":"ok","openid":"o1","unionid":null,)"
       R"("session_key":"tiihtNczf5v6AKRyjwEUhQ=="})",
       ""},
      {R"({"errcode":"0","openid":"o1","unionid":" u1 ","new":{"a":[]},)"
       R"("session_key":"tiihtNczf5v6AKRyjwEUhQ=="})",
       "u1"},
      // Slashes may be escaped, and other fields may hold raw controls.
      {"\xEF\xBB\xBF{\"openid\":\"o1\",\"nickname\":\"\x14\xFF\","
       "\"session_key\":\"HyVFkGl5F5OQWJZZaNz\\/Bg==\"}",
       ""},
  };
  for (const auto& [body, unionid] : cases) {
    http_.Answer(body);
    const absl::StatusOr<CodeSession> session = Exchange();
    ASSERT_TRUE(session.ok()) << body << session.status();
    EXPECT_EQ(session->openid, "o1");
    EXPECT_EQ(session->unionid, unionid);
  }
}

TEST_F(WechatClientTest, RefusesSessionsThatAreNone) {
  const char* key = R"("session_key":"tiihtNczf5v6AKRyjwEUhQ==")";
  const std::vector<std::string> bodies = {
      "{}",
      R"({"errcode":0,"errmsg":"ok"})",
      R"({"openid":"o1"})",
      absl::StrCat("{", key, "}"),
      absl::StrCat(R"({"openid":"",)", key, "}"),
      absl::StrCat(R"({"openid":null,)", key, "}"),
      absl::StrCat(R"({"openid":7,)", key, "}"),
      absl::StrCat(R"({"openid":"o 1",)", key, "}"),
      absl::StrCat("{\"openid\":\"o\x14\",", key, "}"),
      absl::StrCat(R"({"openid":")", std::string(129, 'o'), R"(",)", key, "}"),
      absl::StrCat(R"({"openid":"o1","unionid":1,)", key, "}"),
      absl::StrCat(R"({"openid":"o1","unionid":"u/1",)", key, "}"),
      absl::StrCat(R"({"openid":"o1","openid":"o2",)", key, "}"),
      R"({"openid":"o1","session_key":""})",
      R"({"openid":"o1","session_key":5})",
      R"({"openid":"o1","session_key":"canary not base64!!!!!!!"})",
      R"({"openid":"o1","session_key":"tiihtNczf5v6AKRyjwEU"})",
      R"({"openid":"o1","session_key":"tiihtNczf5v6AKRyjwEUhQ"})",
      R"({"openid":"o1","session_key":"tiihtNczf5v6AKRyjwEUhR=="})",
  };
  for (const std::string& body : bodies) {
    http_.Answer(body);
    const absl::Status status = Exchange().status();
    EXPECT_TRUE(HasReason(status, Reason::kWechatBadResponse))
        << body << status;
  }
}

TEST_F(WechatClientTest, ErrcodesBecomeErrors) {
  http_.Answer(R"({"errcode":40163,"errmsg":"code been used, canary, )"
               R"(rid: 652d44d0-1d0af18b-5b069232"})");
  const absl::Status status = Exchange().status();
  EXPECT_TRUE(HasReason(status, Reason::kLoginCodeConsumed)) << status;
  EXPECT_EQ(DetailsOf(status).metadata.at("errcode"), "40163");
  EXPECT_EQ(DetailsOf(status).metadata.at("rid"), "652d44d0-1d0af18b-5b069232");
  http_.Answer(R"({"errcode":"777777"})");
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatErrcodeUnknown));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("wxident_wechat_errcode_total{endpoint="
                        "\"jscode2session\",errcode=\"40163\"} 1"));
  EXPECT_THAT(metrics_.Text(), HasSubstr("errcode=\"other\"} 1"));
}

TEST_F(WechatClientTest, TheSameErrcodeMeansAnotherThingAtTheTokenEndpoint) {
  http_.Answer(R"({"errcode":45009})");
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatRateLimited));
  http_.Answer(R"({"errcode":45009})");
  EXPECT_TRUE(HasReason(Fetch().status(), Reason::kTokenBudgetExhausted));
}

TEST_F(WechatClientTest, OtherHttpStatusesAreErrors) {
  http_.Answer(412, "");
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatRequestRejected));
  for (int status : {204, 302, 404, 500, 502, 503}) {
    http_.Answer(status, kSessionBody);
    EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatBadResponse))
        << status;
  }
  http_.Answer(200, "<html>502</html>");
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatBadResponse));
  // One request each: an answer is never a reason to ask elsewhere.
  EXPECT_EQ(http_.sent().size(), 8u);
}

constexpr char kPhoneBody[] =
    R"({"errcode":0,"phone_info":{"phoneNumber":"13580006666",)"
    R"("purePhoneNumber":"13580006666","countryCode":86,"watermark":)"
    R"({"timestamp":1637744274,"appid":"wx4f4bc4dec97d474b"}}})";

TEST_F(WechatClientTest, PostsAPhoneCode) {
  http_.Answer(kPhoneBody);
  const absl::StatusOr<Phone> phone = PhoneOf("quote\"and\\slash");
  ASSERT_TRUE(phone.ok()) << phone.status();
  EXPECT_EQ(phone->phone_number.Expose(), "13580006666");
  EXPECT_EQ(phone->country_code, "86");
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kPost);
  EXPECT_EQ(request.endpoint, "getuserphonenumber");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/wxa/business/getuserphonenumber"
            "?access_token=canary%26at");
  EXPECT_EQ(*ParseJsonObject(request.body.Expose()),
            (Json{{"code", "quote\"and\\slash"}, {"openid", "o1"}}));
  // Text that is no UTF-8 is WeChat's to refuse, not a reason to fail.
  http_.Answer(R"({"errcode":40029})");
  EXPECT_TRUE(HasReason(PhoneOf("\xff").status(), Reason::kLoginCodeInvalid));
}

TEST_F(WechatClientTest, PhoneCodeErrorsSpeakOfThePhoneCode) {
  const std::pair<int, Reason> cases[] = {
      {40029, Reason::kLoginCodeInvalid},
      {40163, Reason::kLoginCodeConsumed},
  };
  for (const auto& [errcode, reason] : cases) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    const absl::Status status = PhoneOf().status();
    EXPECT_TRUE(HasReason(status, reason)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("phone code"));
  }
  http_.Answer(R"({"errcode":42001})");
  EXPECT_TRUE(IsTokenRefused(PhoneOf().status()));
  std::string foreign = kPhoneBody;
  foreign.replace(foreign.find("wx4f4b"), 18, "wx0000000000000000");
  http_.Answer(foreign);
  EXPECT_TRUE(HasReason(PhoneOf().status(), Reason::kWechatBadResponse));
}

TEST_F(WechatClientTest, CodesOfEveryKindAreSentAtMostOnce) {
  for (const absl::Status& error :
       {absl::UnavailableError("canary"), absl::DeadlineExceededError("canary"),
        absl::DataLossError("canary")}) {
    const size_t before = http_.sent().size();
    http_.Fail(error);
    EXPECT_FALSE(ExchangeOauth().ok());
    EXPECT_EQ(http_.sent().size(), before + 1);
    http_.Fail(error);
    EXPECT_FALSE(PhoneOf().ok());
    EXPECT_EQ(http_.sent().size(), before + 2);
  }
}

TEST_F(WechatClientTest, SignsWithTheTextOfTheSessionKey) {
  const std::pair<const char*, const char*> vectors[] = {
      {"o0q0otL8aEzpcZL/FT9WsQ==",
       "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128"},
      {"tiihtNczf5v6AKRyjwEUhQ==",
       "7154f9f8b4b76b92f541cbf0e37d48840fa06e5e42da92a6f80168a1516a4735"},
  };
  for (const auto& [key, signature] : vectors) {
    http_.Answer(R"({"errcode":0,"errmsg":"ok"})");
    const absl::StatusOr<bool> current = CheckKey(key);
    ASSERT_TRUE(current.ok()) << current.status();
    EXPECT_TRUE(*current);
    const HttpRequest& request = http_.sent().back();
    EXPECT_EQ(request.method, HttpRequest::Method::kGet);
    EXPECT_EQ(request.endpoint, "checksession");
    EXPECT_EQ(request.url.Expose(),
              absl::StrCat("https://a.test/wxa/checksession"
                           "?access_token=canary%26at&openid=o1&signature=",
                           signature, "&sig_method=hmac_sha256"));
  }
}

TEST_F(WechatClientTest, AStaleSessionKeyIsAnAnswerAndNoError) {
  for (int errcode : {87009, 87007}) {
    http_.Answer(absl::StrCat("{\"errcode\":\"", errcode, "\"}"));
    const absl::StatusOr<bool> current = CheckKey();
    ASSERT_TRUE(current.ok()) << current.status();
    EXPECT_FALSE(*current) << errcode;
  }
  // "Could not ask" is neither yes nor no.
  const std::pair<int, Reason> cases[] = {
      {-1, Reason::kWechatBusy},
      {40003, Reason::kRequestInvalid},
      {40001, Reason::kWechatBadResponse},
      {87008, Reason::kWechatRequestRejected},
  };
  for (const auto& [errcode, reason] : cases) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    EXPECT_TRUE(HasReason(CheckKey().status(), reason)) << errcode;
  }
  http_.Fail(absl::UnavailableError(""));
  EXPECT_TRUE(HasReason(CheckKey().status(), Reason::kOutcomeUnknown));
}

}  // namespace
}  // namespace wxident

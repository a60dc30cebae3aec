#include "server/wechat/wechat_client.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "server/wechat/json.h"
#include "tests/base/fake_clock.h"
#include "tests/http/fake_http_client.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSessionBody[] = R"({"session_key":"tiihtNczf5v6AKRyjwEUhQ==",)"
                                R"("openid":"oGZUI0egBJY1zhBYw2KhdUfwVJJE",)"
                                R"("unionid":"ocMvos6NjeKLIBqg5Mr9QjxrP1FA"})";

absl::Status Unsent(absl::StatusCode code) {
  return MarkNothingSent(absl::Status(code, "canary-transport"));
}

class WechatClientTest : public ::testing::Test {
 protected:
  absl::StatusOr<CodeSession> Exchange(const std::string& code = "code",
                                       absl::Duration left = absl::Seconds(3)) {
    std::optional<absl::StatusOr<CodeSession>> out;
    client_.ExchangeCode(
        app_, Secret(code), Deadline::After(left, clock_),
        [&](absl::StatusOr<CodeSession> session) { out = std::move(session); });
    Check(out->status());
    return *std::move(out);
  }

  absl::StatusOr<FetchedToken> Fetch(bool force = false) {
    std::optional<absl::StatusOr<FetchedToken>> out;
    client_.FetchToken(
        app_, force, Deadline::After(absl::Seconds(3), clock_),
        [&](absl::StatusOr<FetchedToken> token) { out = std::move(token); });
    Check(out->status());
    return *std::move(out);
  }

  static void Check(const absl::Status& status) {
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("canary")));
  }

  std::vector<std::string> Urls() const {
    std::vector<std::string> urls;
    for (const HttpRequest& request : http_.sent()) {
      const std::string& url = request.url.Expose();
      urls.push_back(url.substr(0, url.find('/', 8)));
    }
    return urls;
  }

  App app_{"wx4f4bc4dec97d474b", AppKind::kMiniProgram, "account",
           Secret("canary-secret")};
  FakeClock clock_;
  Metrics metrics_;
  FakeHttpClient http_;
  WechatClient client_{
      http_, {"https://a.test", "https://b.test:8443"}, clock_, metrics_};
};

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

TEST_F(WechatClientTest, GoesToTheNextHostWhileNothingIsSent) {
  http_.Fail(Unsent(absl::StatusCode::kUnavailable));
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange().ok());
  EXPECT_THAT(Urls(), ElementsAre("https://a.test", "https://b.test:8443"));
  // It stays there, and comes back.
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange().ok());
  clock_.Advance(absl::Seconds(1));
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange().ok());
  EXPECT_THAT(Urls(), ElementsAre("https://a.test", "https://b.test:8443",
                                  "https://b.test:8443", "https://a.test"));
}

TEST_F(WechatClientTest, WithNoHostItIsUnreachable) {
  http_.Fail(Unsent(absl::StatusCode::kUnavailable));
  http_.Fail(Unsent(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatUnreachable));
  EXPECT_EQ(http_.sent().size(), 2u);
}

TEST_F(WechatClientTest, NeverSendsAgainWhatMayHaveLeft) {
  for (absl::StatusCode code :
       {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
        absl::StatusCode::kDataLoss}) {
    const size_t before = http_.sent().size();
    http_.Fail(absl::Status(code, "canary"));
    EXPECT_FALSE(Exchange().ok());
    EXPECT_EQ(http_.sent().size(), before + 1);
    http_.Fail(absl::Status(code, "canary"));
    EXPECT_FALSE(Fetch().ok());
    EXPECT_EQ(http_.sent().size(), before + 2);
  }
}

TEST_F(WechatClientTest, TransportErrorsTellWhetherTheCodeStillLives) {
  const struct {
    absl::Status error;
    Reason reason;
  } cases[] = {
      {absl::UnavailableError(""), Reason::kOutcomeUnknown},
      {absl::DeadlineExceededError(""), Reason::kDeadlinePassed},
      {Unsent(absl::StatusCode::kDeadlineExceeded), Reason::kDeadlinePassed},
      {Unsent(absl::StatusCode::kResourceExhausted), Reason::kOverloaded},
      {absl::DataLossError(""), Reason::kWechatBadResponse},
  };
  for (const auto& [error, reason] : cases) {
    http_.Fail(error);
    const absl::Status status = Exchange().status();
    EXPECT_TRUE(HasReason(status, reason)) << status;
  }
}

TEST_F(WechatClientTest, OurOwnLimitIsNotTheCallersDeadline) {
  http_.Fail(absl::DeadlineExceededError(""));
  EXPECT_TRUE(HasReason(Exchange("code", absl::Seconds(60)).status(),
                        Reason::kOutcomeUnknown));
  http_.Fail(Unsent(absl::StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(HasReason(Exchange("code", absl::Seconds(60)).status(),
                        Reason::kWechatUnreachable));
}

TEST_F(WechatClientTest, AnAttemptEndsBeforeTheCallersDeadline) {
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange("code", absl::Seconds(2)).ok());
  EXPECT_EQ(http_.sent()[0].deadline.Left(clock_), absl::Milliseconds(1950));
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange("code", absl::Hours(1)).ok());
  EXPECT_EQ(http_.sent()[1].deadline.Left(clock_), absl::Seconds(5));
}

TEST_F(WechatClientTest, TooLittleTimeSendsNothing) {
  for (absl::Duration left : {absl::Milliseconds(69), absl::ZeroDuration(),
                              -absl::Seconds(1), -absl::InfiniteDuration()})
    EXPECT_TRUE(
        HasReason(Exchange("code", left).status(), Reason::kDeadlinePassed))
        << left;
  EXPECT_EQ(http_.sent().size(), 0u);
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange("code", absl::Milliseconds(70)).ok());
}

TEST_F(WechatClientTest, FailOverKeepsToTheDeadline) {
  http_.before_answer = [&] { clock_.Advance(absl::Seconds(3)); };
  http_.Fail(Unsent(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kDeadlinePassed));
  EXPECT_EQ(http_.sent().size(), 1u);
}

TEST_F(WechatClientTest, PostsForAStableToken) {
  app_.app_secret = Secret("quote\"and\\slash");
  http_.Answer(R"({"access_token":"7_abc","expires_in":7000})");
  const absl::StatusOr<FetchedToken> token = Fetch(/*force=*/true);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->access_token.Expose(), "7_abc");
  EXPECT_EQ(token->expires_in, absl::Seconds(7000));
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kPost);
  EXPECT_EQ(request.url.Expose(), "https://a.test/cgi-bin/stable_token");
  EXPECT_EQ(request.endpoint, "stable_token");
  EXPECT_EQ(*ParseJsonObject(request.body.Expose()),
            (Json{{"grant_type", "client_credential"},
                  {"appid", app_.app_id},
                  {"secret", "quote\"and\\slash"},
                  {"force_refresh", true}}));
  http_.Answer(R"({"access_token":"7_abc","expires_in":7000})");
  ASSERT_TRUE(Fetch(/*force=*/false).ok());
  EXPECT_EQ((*ParseJsonObject(http_.sent()[1].body.Expose()))["force_refresh"],
            false);
}

TEST_F(WechatClientTest, GetsAnOrdinaryToken) {
  app_.token_mode = TokenMode::kOrdinary;
  http_.Answer(R"({"access_token":"7_abc","expires_in":7200})");
  ASSERT_TRUE(Fetch().ok());
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_TRUE(request.body.empty());
  EXPECT_EQ(request.endpoint, "token");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/cgi-bin/token?grant_type=client_credential"
            "&appid=wx4f4bc4dec97d474b&secret=canary-secret");
}

TEST_F(WechatClientTest, ClampsATokensLife) {
  const std::pair<const char*, absl::Duration> cases[] = {
      {"", absl::Seconds(60)},
      {R"(,"expires_in":null)", absl::Seconds(60)},
      {R"(,"expires_in":0)", absl::Seconds(60)},
      {R"(,"expires_in":-1)", absl::Seconds(60)},
      {R"(,"expires_in":-9223372036854775808)", absl::Seconds(60)},
      {R"(,"expires_in":61)", absl::Seconds(61)},
      {R"(,"expires_in":7200)", absl::Seconds(7200)},
      {R"(,"expires_in":1000000000)", absl::Seconds(7200)},
      {R"(,"expires_in":9223372036854775807)", absl::Seconds(7200)},
  };
  for (const auto& [field, life] : cases) {
    http_.Answer(absl::StrCat(R"({"access_token":"t")", field, "}"));
    const absl::StatusOr<FetchedToken> token = Fetch();
    ASSERT_TRUE(token.ok()) << field << token.status();
    EXPECT_EQ(token->expires_in, life) << field;
  }
}

TEST_F(WechatClientTest, RefusesTokensThatAreNone) {
  const std::vector<std::string> bodies = {
      "{}",
      R"({"expires_in":7200})",
      R"({"access_token":"","expires_in":7200})",
      R"({"access_token":["canary"],"expires_in":7200})",
      R"({"access_token":"canary space","expires_in":7200})",
      "{\"access_token\":\"canary\x01\",\"expires_in\":7200}",
      R"({"access_token":"t","expires_in":"7200"})",
      R"({"access_token":"t","expires_in":1.5})",
      absl::StrCat(R"({"access_token":")", std::string(2049, 't'),
                   R"(","expires_in":7200})"),
  };
  for (const std::string& body : bodies) {
    http_.Answer(body);
    EXPECT_TRUE(HasReason(Fetch().status(), Reason::kWechatBadResponse))
        << body;
  }
}

}  // namespace
}  // namespace wxident

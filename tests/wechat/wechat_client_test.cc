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
#include "tests/crypto/fake_random.h"
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

  // Starts an operation with 3 s left and gives its answer.
  template <typename T, typename Start>
  absl::StatusOr<T> Run(Start start) {
    std::optional<absl::StatusOr<T>> out;
    start(Deadline::After(absl::Seconds(3), clock_),
          [&](absl::StatusOr<T> answer) { out = std::move(answer); });
    Check(out->status());
    return *std::move(out);
  }

  absl::StatusOr<OauthSession> ExchangeOauth(const std::string& code = "c") {
    return Run<OauthSession>([&](Deadline deadline, Done<OauthSession> done) {
      client_.ExchangeOauthCode(app_, Secret(code), deadline, std::move(done));
    });
  }

  absl::StatusOr<OauthSession> Refresh() {
    return Run<OauthSession>([&](Deadline deadline, Done<OauthSession> done) {
      client_.RefreshOauthGrant(app_, Secret("canary&rt"), deadline,
                                std::move(done));
    });
  }

  absl::StatusOr<FetchedProfile> UserInfo() {
    return Run<FetchedProfile>(
        [&](Deadline deadline, Done<FetchedProfile> done) {
          client_.GetOauthProfile(app_, Secret("canary&at"), "o1", "zh_TW",
                                  deadline, std::move(done));
        });
  }

  absl::StatusOr<FetchedProfile> Follower() {
    return Run<FetchedProfile>(
        [&](Deadline deadline, Done<FetchedProfile> done) {
          client_.GetFollower(app_, Secret("canary&at"), "o1", "en", deadline,
                              std::move(done));
        });
  }

  absl::StatusOr<std::vector<FetchedProfile>> Followers(
      const std::vector<std::string>& openids) {
    return Run<std::vector<FetchedProfile>>(
        [&](Deadline deadline, Done<std::vector<FetchedProfile>> done) {
          client_.BatchGetFollowers(app_, Secret("canary&at"), openids, "en",
                                    deadline, std::move(done));
        });
  }

  absl::StatusOr<FetchedToken> Ticket() {
    return Run<FetchedToken>([&](Deadline deadline, Done<FetchedToken> done) {
      client_.FetchTicket(app_, Secret("canary&at"), deadline, std::move(done));
    });
  }

  absl::StatusOr<Phone> PhoneOf(const std::string& code = "canary_code") {
    return Run<Phone>([&](Deadline deadline, Done<Phone> done) {
      client_.GetPhoneNumber(app_, Secret("canary&at"), Secret(code), "o1",
                             deadline, std::move(done));
    });
  }

  absl::StatusOr<bool> CheckKey(
      const std::string& key = "tiihtNczf5v6AKRyjwEUhQ==") {
    return Run<bool>([&](Deadline deadline, Done<bool> done) {
      client_.CheckSessionKey(app_, Secret("canary&at"), "o1", Secret(key),
                              deadline, std::move(done));
    });
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
  FakeRandom random_;
  Metrics metrics_;
  FakeHttpClient http_;
  WechatClient client_{http_,
                       {"https://a.test", "https://b.test:8443"},
                       clock_,
                       random_,
                       metrics_};
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
    // Else the breaker would step in.
    clock_.Advance(absl::Minutes(1));
    http_.Answer(status, kSessionBody);
    EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatBadResponse))
        << status;
  }
  clock_.Advance(absl::Minutes(1));
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

constexpr char kOauthBody[] = R"({"access_token":"at","expires_in":7200,)"
                              R"("refresh_token":"rt","openid":"o1",)"
                              R"("scope":"snsapi_base"})";

TEST_F(WechatClientTest, ExchangesAWebPagesCode) {
  http_.Answer(kOauthBody);
  const absl::StatusOr<OauthSession> session = ExchangeOauth("a&b");
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->openid, "o1");
  EXPECT_EQ(session->scope, "snsapi_base");
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "oauth2_access_token");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/sns/oauth2/access_token?appid=wx4f4bc4dec97d474b"
            "&secret=canary-secret&code=a%26b&grant_type=authorization_code");
  http_.Answer(R"({"errcode":40029})");
  EXPECT_TRUE(HasReason(ExchangeOauth().status(), Reason::kLoginCodeInvalid));
  http_.Answer(R"({"errcode":40163})");
  EXPECT_TRUE(HasReason(ExchangeOauth().status(), Reason::kLoginCodeConsumed));
  http_.Answer(R"({"errcode":40125})");
  EXPECT_TRUE(HasReason(ExchangeOauth().status(), Reason::kAppMisconfigured));
  http_.Answer(R"({"is_snapshotuser":1})");
  EXPECT_TRUE(HasReason(ExchangeOauth().status(), Reason::kSnapshotUser));
}

TEST_F(WechatClientTest, RefreshesAGrantWithoutTheAppSecret) {
  http_.Answer(kOauthBody);
  const absl::StatusOr<OauthSession> session = Refresh();
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->refresh_token.Expose(), "rt");
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "oauth2_refresh_token");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/sns/oauth2/refresh_token?appid=wx4f4bc4dec97d474b"
            "&grant_type=refresh_token&refresh_token=canary%26rt");
  for (int errcode : {40030, 42002, 42007, 40029, 41003}) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    EXPECT_TRUE(HasReason(Refresh().status(), Reason::kOauthGrantExpired))
        << errcode;
  }
  http_.Answer(R"({"errcode":-1})");
  EXPECT_TRUE(HasReason(Refresh().status(), Reason::kWechatBusy));
  http_.Answer(R"({"errcode":40013})");
  EXPECT_TRUE(HasReason(Refresh().status(), Reason::kAppMisconfigured));
}

TEST_F(WechatClientTest, GetsAProfileWithThePersonsToken) {
  http_.Answer(R"({"openid":"o1","nickname":"N","unionid":"u1"})");
  const absl::StatusOr<FetchedProfile> fetched = UserInfo();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->profile.nickname, "N");
  EXPECT_EQ(fetched->profile.source, ProfileSource::kOauth);
  EXPECT_EQ(fetched->profile.fetched_at, clock_.Now());
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "sns_userinfo");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/sns/userinfo?access_token=canary%26at&openid=o1"
            "&lang=zh_TW");
  http_.Answer(R"({"openid":"o2","nickname":"N"})");
  EXPECT_TRUE(HasReason(UserInfo().status(), Reason::kWechatBadResponse));
  http_.Answer(R"({"errcode":48001})");
  EXPECT_TRUE(HasReason(UserInfo().status(), Reason::kOauthScopeInsufficient));
  for (int errcode : {40001, 40014, 42001}) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    const absl::Status status = UserInfo().status();
    EXPECT_TRUE(IsTokenRefused(status)) << errcode;
    EXPECT_TRUE(HasReason(status, Reason::kOauthGrantExpired)) << status;
  }
}

TEST_F(WechatClientTest, GetsAFollowerWithTheAppsToken) {
  http_.Answer(R"({"subscribe":1,"openid":"o1","unionid":" u1"})");
  const absl::StatusOr<FetchedProfile> fetched = Follower();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->unionid, "u1");
  EXPECT_EQ(fetched->profile.fetched_at, clock_.Now());
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "user_info");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/cgi-bin/user/info?access_token=canary%26at"
            "&openid=o1&lang=en");
  http_.Answer(R"({"subscribe":0,"openid":"o1","tagid_list":[]})");
  EXPECT_FALSE(Follower()->profile.subscribe);
  http_.Answer(R"({"errcode":40003})");
  EXPECT_TRUE(HasReason(Follower().status(), Reason::kRequestInvalid));
  for (int errcode : {40001, 40014, 42001}) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    EXPECT_TRUE(IsTokenRefused(Follower().status())) << errcode;
  }
}

TEST_F(WechatClientTest, PostsForManyFollowers) {
  http_.Answer(R"({"user_info_list":[)"
               R"({"subscribe":0,"openid":"o2","tagid_list":[]},)"
               R"({"subscribe":1,"openid":"o1","unionid":" u1"}]})");
  const absl::StatusOr<std::vector<FetchedProfile>> fetched =
      Followers({"o1", "o2", "o1"});
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  ASSERT_EQ(fetched->size(), 3u);
  EXPECT_EQ((*fetched)[0].openid, "o1");
  EXPECT_EQ((*fetched)[0].unionid, "u1");
  EXPECT_TRUE((*fetched)[0].profile.subscribe);
  EXPECT_EQ((*fetched)[0].profile.fetched_at, clock_.Now());
  EXPECT_EQ((*fetched)[1].openid, "o2");
  EXPECT_FALSE((*fetched)[1].profile.subscribe);
  EXPECT_EQ((*fetched)[2].unionid, "u1");
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kPost);
  EXPECT_EQ(request.endpoint, "user_info_batchget");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/cgi-bin/user/info/batchget"
            "?access_token=canary%26at");
  EXPECT_EQ(*ParseJsonObject(request.body.Expose()),
            (Json{{"user_list",
                   {{{"openid", "o1"}, {"lang", "en"}},
                    {{"openid", "o2"}, {"lang", "en"}},
                    {{"openid", "o1"}, {"lang", "en"}}}}}));
}

TEST_F(WechatClientTest, ManyFollowersFailTogether) {
  http_.Answer(R"({"errcode":40003,"errmsg":"invalid openid"})");
  EXPECT_TRUE(HasReason(Followers({"o1"}).status(), Reason::kRequestInvalid));
  for (int errcode : {40001, 40014, 42001}) {
    http_.Answer(absl::StrCat("{\"errcode\":", errcode, "}"));
    EXPECT_TRUE(IsTokenRefused(Followers({"o1"}).status())) << errcode;
  }
}

TEST_F(WechatClientTest, GetsATicketWithTheAppsToken) {
  http_.Answer(R"({"errcode":0,"errmsg":"ok","ticket":"t_1","expires_in":9})");
  const absl::StatusOr<FetchedToken> ticket = Ticket();
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  EXPECT_EQ(ticket->access_token.Expose(), "t_1");
  EXPECT_EQ(ticket->expires_in, absl::Seconds(60));
  const HttpRequest& request = http_.sent()[0];
  EXPECT_EQ(request.method, HttpRequest::Method::kGet);
  EXPECT_EQ(request.endpoint, "getticket");
  EXPECT_EQ(request.url.Expose(),
            "https://a.test/cgi-bin/ticket/getticket"
            "?access_token=canary%26at&type=jsapi");
  for (const char* body :
       {R"({"errcode":0,"access_token":"t","expires_in":7200})",
        R"({"errcode":0,"ticket":"canary t","expires_in":7200})",
        R"({"errcode":0,"ticket":"","expires_in":7200})"}) {
    http_.Answer(body);
    EXPECT_TRUE(HasReason(Ticket().status(), Reason::kWechatBadResponse))
        << body;
  }
  http_.Answer(R"({"errcode":40001})");
  EXPECT_TRUE(IsTokenRefused(Ticket().status()));
  // There is no budget of ours to speak of.
  http_.Answer(R"({"errcode":45009})");
  EXPECT_TRUE(HasReason(Ticket().status(), Reason::kWechatRateLimited));
}

TEST_F(WechatClientTest, OneAppsOpenBreakerHoldsNoOtherAppBack) {
  for (int i = 0; i < 5; ++i) {
    http_.Fail(absl::UnavailableError("canary"));
    EXPECT_TRUE(HasReason(Exchange().status(), Reason::kOutcomeUnknown));
  }
  EXPECT_EQ(client_.BreakerOf(app_).state, WechatApi::Breaker::State::kOpen);
  EXPECT_GT(client_.BreakerOf(app_).retry_in, absl::ZeroDuration());
  // Every call of the app; nothing is sent.
  EXPECT_TRUE(HasReason(Exchange().status(), Reason::kWechatUnreachable));
  EXPECT_TRUE(HasReason(Fetch().status(), Reason::kWechatUnreachable));
  EXPECT_TRUE(HasReason(Ticket().status(), Reason::kWechatUnreachable));
  EXPECT_TRUE(HasReason(UserInfo().status(), Reason::kWechatUnreachable));
  EXPECT_TRUE(HasReason(Follower().status(), Reason::kWechatUnreachable));
  EXPECT_TRUE(HasReason(Followers({"o"}).status(), Reason::kWechatUnreachable));
  EXPECT_TRUE(HasReason(PhoneOf().status(), Reason::kWechatUnreachable));
  EXPECT_TRUE(HasReason(CheckKey().status(), Reason::kWechatUnreachable));
  EXPECT_TRUE(HasReason(ExchangeOauth().status(), Reason::kWechatUnreachable));
  EXPECT_TRUE(HasReason(Refresh().status(), Reason::kWechatUnreachable));
  EXPECT_EQ(http_.sent().size(), 5u);

  app_.app_id = "wx0000000000000001";
  EXPECT_EQ(client_.BreakerOf(app_).state, WechatApi::Breaker::State::kClosed);
  http_.Answer(kSessionBody);
  EXPECT_TRUE(Exchange().ok());
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

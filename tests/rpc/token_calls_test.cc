// The RPCs that use or show the keeper's state: GetJsapiSignature, and of
// AdminService ListApps, GetAppStatus, RefreshAccessToken.

#include <string>

#include "server/identity/error.h"
#include "server/wechat/jsapi_signature.h"
#include "tests/rpc/service_test.h"

namespace wxident {
namespace {

class TokenCallsTest : public ServiceTest {
 protected:
  static std::string App(const std::string& app) {
    return "{" + Text("app_id", app) + "}";
  }
  static std::string Page(const std::string& url,
                          const std::string& app = kOfficial) {
    return "{" + Text("app_id", app) + "," + Text("url", url) + "}";
  }
  v1::GetJsapiSignatureResponse Sign(const std::string& url) {
    return Answer(&Identity::GetJsapiSignature, Page(url));
  }
};

TEST_F(TokenCallsTest, APageIsSignedWithTheTicket) {
  const std::string url = "https://h5.example.com/a?b=c&d=%E4%BD%A0";
  const auto answer = Sign(url + "#/route");
  EXPECT_EQ(answer.app_id(), kOfficial);
  EXPECT_EQ(answer.timestamp(), absl::ToUnixSeconds(clock_.Now()));
  EXPECT_EQ(answer.nonce().size(), 16u);
  EXPECT_EQ(answer.signature(), SignJsapi(Secret("ticket_1"), answer.nonce(),
                                          answer.timestamp(), url));
  EXPECT_EQ(answer.SerializeAsString().find("ticket_"), std::string::npos);
  const auto again = Sign(url);
  EXPECT_NE(again.nonce(), answer.nonce());
  EXPECT_NE(again.signature(), answer.signature());
  EXPECT_EQ(wechat_.ticket_fetches(), 1);
}

TEST_F(TokenCallsTest, APagesFieldsAreNamed) {
  const auto method = &Identity::GetJsapiSignature;
  ExpectFieldError(method, "{}", "app_id");
  ExpectFieldError(method, Page("https://a.example", kMini), "app_id");
  ExpectFieldError(method, Page("https://a.example", kWebsite), "app_id");
  EXPECT_EQ(Refusal(method, Page("https://a.example", "wx9999999999999999")),
            "APP_UNKNOWN");
  for (const char* url :
       {"", "a.example/", "ftp://a.example/", "javascript:alert(1)", "https:/a",
        "https://a.example/a b", "https://a.example/\\n",
        "https://a.example/\\u007f", " https://a.example/",
        "https://a.example/#a b"})
    ExpectFieldError(method, Page(url), "url");
  const std::string host = "https://a.example/";
  ExpectFieldError(method, Page(host + std::string(2049 - host.size(), 'x')),
                   "url");
  EXPECT_EQ(wechat_.ticket_fetches(), 0);
  Sign(host + std::string(2048 - host.size(), 'x'));
  Sign("HTTP://A.example:8080/\u4f60");
}

TEST_F(TokenCallsTest, WithoutATicketTheReasonIsWechats) {
  wechat_.FailNextAt("getticket",
                     Error(Reason::kApiUnauthorized, "api unauthorized")
                         .With("errcode", "48001")
                         .ToStatus());
  v1::GetJsapiSignatureResponse response;
  const grpc::Status status = CallJson(&Identity::GetJsapiSignature,
                                       Page("https://a.example"), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonOf(status), "API_UNAUTHORIZED");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).metadata().at("errcode"),
            "48001");
}

TEST_F(TokenCallsTest, TheConfiguredAppsAreListedWithoutTheirSecrets) {
  const auto apps = Answer(&Admin::ListApps, "{}");
  ASSERT_EQ(apps.apps_size(), 4);
  EXPECT_EQ(apps.apps(0).app_id(), kMini);
  EXPECT_EQ(apps.apps(0).kind(), v1::APP_KIND_MINI_PROGRAM);
  EXPECT_EQ(apps.apps(0).open_platform_account(), "main");
  EXPECT_EQ(apps.apps(0).token_mode(), v1::TOKEN_MODE_STABLE);
  EXPECT_EQ(apps.apps(1).app_id(), kOfficial);
  EXPECT_EQ(apps.apps(1).kind(), v1::APP_KIND_OFFICIAL_ACCOUNT);
  ASSERT_EQ(apps.apps(1).redirect_hosts_size(), 1);
  EXPECT_EQ(apps.apps(1).redirect_hosts(0), "h5.example.com");
  EXPECT_EQ(apps.apps(2).kind(), v1::APP_KIND_WEBSITE);
  EXPECT_EQ(apps.apps(3).app_id(), kOrdinary);
  EXPECT_EQ(apps.apps(3).open_platform_account(), "");
  EXPECT_EQ(apps.apps(3).token_mode(), v1::TOKEN_MODE_ORDINARY);
}

TEST_F(TokenCallsTest, AStatusBeforeTheFirstTokenHasNoTimes) {
  const auto status = Answer(&Admin::GetAppStatus, App(kOfficial));
  EXPECT_EQ(status.app().app_id(), kOfficial);
  for (const v1::CredentialStatus* kept :
       {&status.access_token(), &status.jsapi_ticket()}) {
    EXPECT_EQ(kept->generation(), 0);
    EXPECT_FALSE(kept->has_fetch_time());
    EXPECT_FALSE(kept->has_age());
    EXPECT_FALSE(kept->has_expire_time());
    EXPECT_FALSE(kept->has_refresh_time());
    EXPECT_FALSE(kept->refreshing());
    EXPECT_EQ(kept->fetches().used(), 0);
    EXPECT_EQ(kept->failures(), 0);
    EXPECT_FALSE(kept->has_retry_time());
  }
  EXPECT_EQ(status.breakers_size(), 0);
  EXPECT_FALSE(Answer(&Admin::GetAppStatus, App(kMini)).has_jsapi_ticket());
}

TEST_F(TokenCallsTest, AStatusTellsHowATokenStands) {
  const absl::Time fetched = clock_.Now();
  Sign("https://a.example");
  clock_.Advance(absl::Seconds(90));
  const auto status = Answer(&Admin::GetAppStatus, App(kOfficial));
  const v1::CredentialStatus& token = status.access_token();
  EXPECT_EQ(token.generation(), 1);
  EXPECT_EQ(token.fetch_time().seconds(), absl::ToUnixSeconds(fetched));
  EXPECT_EQ(token.age().seconds(), 90);
  EXPECT_EQ(token.expire_time().seconds(),
            absl::ToUnixSeconds(fetched + absl::Hours(2)));
  EXPECT_GT(token.refresh_time().seconds(), token.fetch_time().seconds());
  EXPECT_LT(token.refresh_time().seconds(), token.expire_time().seconds());
  EXPECT_EQ(token.fetches().used(), 1);
  EXPECT_EQ(token.fetches().limit(), 500'000);
  EXPECT_EQ(token.forced_fetches().used(), 0);
  EXPECT_EQ(token.forced_fetches().limit(), 20);
  const v1::CredentialStatus& ticket = status.jsapi_ticket();
  EXPECT_EQ(ticket.generation(), 1);
  EXPECT_EQ(ticket.age().seconds(), 90);
  EXPECT_EQ(ticket.fetches().used(), 1);
  EXPECT_EQ(ticket.fetches().limit(), 0);
  EXPECT_FALSE(ticket.has_forced_fetches());
  EXPECT_EQ(status.SerializeAsString().find("token_1"), std::string::npos);
  EXPECT_EQ(status.SerializeAsString().find("ticket_1"), std::string::npos);
}

TEST_F(TokenCallsTest, AStatusTellsWhyATokenDoesNotCome) {
  wechat_.FailNextAt("token",
                     Error(Reason::kAppMisconfigured, "invalid appsecret")
                         .With("errcode", "40125")
                         .ToStatus());
  EXPECT_EQ(Refusal(&Identity::GetAccessToken, App(kOfficial)),
            "APP_MISCONFIGURED");
  using State = WechatApi::Breaker::State;
  wechat_.SetBreakers(kOfficial,
                      {{"getticket", State::kClosed, {}},
                       {"stable_token", State::kOpen, absl::Milliseconds(2500)},
                       {"user_info", State::kHalfOpen, {}}});
  const auto status = Answer(&Admin::GetAppStatus, App(kOfficial));
  const v1::CredentialStatus& token = status.access_token();
  EXPECT_EQ(token.failures(), 1);
  EXPECT_EQ(token.failure_reason(), "APP_MISCONFIGURED");
  EXPECT_EQ(token.failure_errcode(), "40125");
  EXPECT_EQ(token.retry_time().seconds(),
            absl::ToUnixSeconds(clock_.Now() + absl::Seconds(30)));
  ASSERT_EQ(status.breakers_size(), 3);
  EXPECT_EQ(status.breakers(0).endpoint(), "getticket");
  EXPECT_EQ(status.breakers(0).state(), v1::Breaker::STATE_CLOSED);
  EXPECT_FALSE(status.breakers(0).has_retry_delay());
  EXPECT_EQ(status.breakers(1).endpoint(), "stable_token");
  EXPECT_EQ(status.breakers(1).state(), v1::Breaker::STATE_OPEN);
  EXPECT_EQ(status.breakers(1).retry_delay().seconds(), 2);
  EXPECT_EQ(status.breakers(1).retry_delay().nanos(), 500'000'000);
  EXPECT_EQ(status.breakers(2).state(), v1::Breaker::STATE_HALF_OPEN);
  EXPECT_FALSE(status.breakers(2).has_retry_delay());
}

TEST_F(TokenCallsTest, AnOrdinaryTokenHasABudgetOfItsOwn) {
  Answer(&Identity::GetAccessToken, App(kOrdinary));
  const auto status = Answer(&Admin::GetAppStatus, App(kOrdinary));
  EXPECT_EQ(status.access_token().fetches().used(), 1);
  EXPECT_EQ(status.access_token().fetches().limit(), 2000);
  EXPECT_FALSE(status.access_token().has_forced_fetches());
}

TEST_F(TokenCallsTest, AppsThatAreNotThereHaveNoStatus) {
  ExpectFieldError(&Admin::GetAppStatus, "{}", "app_id");
  ExpectFieldError(&Admin::RefreshAccessToken, "{}", "app_id");
  EXPECT_EQ(Refusal(&Admin::GetAppStatus, App("wx0")), "APP_UNKNOWN");
  EXPECT_EQ(Refusal(&Admin::RefreshAccessToken, App("wx0")), "APP_UNKNOWN");
}

TEST_F(TokenCallsTest, AStoreThatIsDownIsNotAStatus) {
  credentials_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  EXPECT_EQ(Refusal(&Admin::GetAppStatus, App(kOfficial)), "STORE_UNAVAILABLE");
}

TEST_F(TokenCallsTest, ARefreshReplacesATokenThatIsGood) {
  Answer(&Identity::GetAccessToken, App(kOfficial));
  const auto refreshed = Answer(&Admin::RefreshAccessToken, App(kOfficial));
  EXPECT_EQ(refreshed.generation(), 2);
  EXPECT_EQ(refreshed.expire_time().seconds(),
            absl::ToUnixSeconds(clock_.Now() + absl::Hours(2)));
  EXPECT_EQ(refreshed.SerializeAsString().find("token_"), std::string::npos);
  const auto token = Answer(&Identity::GetAccessToken, App(kOfficial));
  EXPECT_EQ(token.access_token(), "token_2");
  EXPECT_EQ(token.generation(), 2);
  EXPECT_EQ(wechat_.forced_fetches(), 1);
  EXPECT_EQ(Answer(&Admin::GetAppStatus, App(kOfficial))
                .access_token()
                .forced_fetches()
                .used(),
            1);
}

TEST_F(TokenCallsTest, RefreshesAreHalfAMinuteApart) {
  Answer(&Admin::RefreshAccessToken, App(kOfficial));
  clock_.Advance(absl::Seconds(10));
  v1::RefreshAccessTokenResponse response;
  const grpc::Status status =
      CallJson(&Admin::RefreshAccessToken, App(kOfficial), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "TOKEN_BUDGET_EXHAUSTED");
  EXPECT_EQ(DetailOf<google::rpc::RetryInfo>(status).retry_delay().seconds(),
            20);
  EXPECT_EQ(Answer(&Identity::GetAccessToken, App(kOfficial)).generation(), 1);
}

}  // namespace
}  // namespace wxident

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

TEST_F(WechatClientTest, PostsForAStableToken) {
  app_.app_secret = Secret("quote\"and\\slash");
  http_.Answer(R"({"access_token":"7_abc","expires_in":7000})");
  const absl::StatusOr<FetchedToken> token = Fetch(/*force=*/true);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->value.Expose(), "7_abc");
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

TEST_F(WechatClientTest, GetsATicketWithTheAppsToken) {
  http_.Answer(R"({"errcode":0,"errmsg":"ok","ticket":"t_1","expires_in":9})");
  const absl::StatusOr<FetchedToken> ticket = Ticket();
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  EXPECT_EQ(ticket->value.Expose(), "t_1");
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

}  // namespace
}  // namespace wxident

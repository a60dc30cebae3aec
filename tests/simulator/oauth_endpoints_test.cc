#include "simulator/oauth_endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kAccount[] = "wxaccount";
constexpr char kSite[] = "wxsite";
constexpr char kMobile[] = "wxmobile";

class Oauth : public testing::Test {
 protected:
  Oauth() {
    sim_.MakeApp(kAccount, "official_account");
    sim_.MakeApp(kSite, "website");
    sim_.MakeApp(kMobile, "mobile");
  }

  Json Login(const std::string& user,
             const std::string& scope = "snsapi_userinfo") {
    return sim_.ExchangeOauth(kAccount, sim_.OauthCode(kAccount, user, scope));
  }
  std::string UnionIdOf(const std::string& user) {
    return sim_.Control("users", {{"app_id", kApp}, {"user", user}})["unionid"];
  }

  Harness sim_;
};

TEST_F(Oauth, ACodeGivesTheUsersTokens) {
  const Json user =
      sim_.Control("users", {{"app_id", kAccount}, {"user", "alice"}});
  const Json tokens = Login("alice");
  EXPECT_EQ(tokens["openid"], user["openid"]);
  EXPECT_EQ(tokens["expires_in"], 7200);
  EXPECT_EQ(tokens["scope"], "snsapi_userinfo");
  EXPECT_EQ(tokens["unionid"], UnionIdOf("alice"));
  EXPECT_NE(tokens["access_token"], tokens["refresh_token"]);
  EXPECT_FALSE(tokens.contains("is_snapshotuser"));
  EXPECT_FALSE(tokens.contains("errcode"));
  EXPECT_NE(Login("alice")["access_token"], tokens["access_token"]);
}

TEST_F(Oauth, TheUnionidNeedsAScopeAndAnAccount) {
  EXPECT_FALSE(Login("alice", "snsapi_base").contains("unionid"));
  EXPECT_EQ(
      sim_.ExchangeOauth(
          kSite, sim_.OauthCode(kSite, "alice", "snsapi_login"))["unionid"],
      UnionIdOf("alice"));
  EXPECT_EQ(
      sim_.ExchangeOauth(kMobile, sim_.OauthCode(kMobile, "alice"))["unionid"],
      UnionIdOf("alice"));
  sim_.Control("apps", {{"app_id", kAccount}, {"open_platform_account", ""}});
  const Json unbound = Login("alice");
  EXPECT_FALSE(unbound.contains("unionid"));
  EXPECT_FALSE(sim_.WithUserToken("userinfo", unbound).contains("unionid"));
}

TEST_F(Oauth, ACodeWorksOnceWithinItsTime) {
  const std::string used = sim_.OauthCode(kAccount, "alice");
  EXPECT_TRUE(sim_.ExchangeOauth(kAccount, used).contains("openid"));
  EXPECT_EQ(sim_.ExchangeOauth(kAccount, used)["errcode"], 40163);

  const std::string account = sim_.OauthCode(kAccount, "alice");
  const std::string late = sim_.OauthCode(kAccount, "alice");
  const std::string site = sim_.OauthCode(kSite, "alice", "snsapi_login");
  const std::string late_site = sim_.OauthCode(kSite, "alice", "snsapi_login");
  sim_.clock().Advance(absl::Seconds(299));
  EXPECT_TRUE(sim_.ExchangeOauth(kAccount, account).contains("openid"));
  sim_.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(sim_.ExchangeOauth(kAccount, late)["errcode"], 40029);
  sim_.clock().Advance(absl::Seconds(299));
  EXPECT_TRUE(sim_.ExchangeOauth(kSite, site).contains("openid"));
  sim_.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(sim_.ExchangeOauth(kSite, late_site)["errcode"], 40029);
}

TEST_F(Oauth, AForeignOrOtherCodeIsInvalid) {
  EXPECT_EQ(
      sim_.ExchangeOauth(kMobile, sim_.OauthCode(kAccount, "alice"))["errcode"],
      40029);
  EXPECT_EQ(sim_.ExchangeOauth(kAccount, sim_.LoginCode("alice"))["errcode"],
            40029);
  EXPECT_EQ(sim_.Exchange(sim_.OauthCode(kAccount, "alice"))["errcode"], 40029);
  EXPECT_EQ(sim_.ExchangeOauth(kApp, sim_.LoginCode("alice"))["errcode"],
            48001);
}

TEST_F(Oauth, ABlockedUsersCodeIsRefused) {
  sim_.Control("users",
               {{"app_id", kAccount}, {"user", "mallory"}, {"blocked", true}});
  EXPECT_EQ(Login("mallory")["errcode"], 40226);
}

TEST_F(Oauth, ChecksInWeChatsOrder) {
  const std::string path = "/sns/oauth2/access_token";
  EXPECT_EQ(sim_.Get(path)["errcode"], 41002);
  EXPECT_EQ(sim_.Get(path + "?appid=wx9")["errcode"], 41004);
  EXPECT_EQ(sim_.Get(path + "?appid=wx9&secret=s")["errcode"], 41008);
  EXPECT_EQ(sim_.Get(path + "?appid=wx9&secret=s&code=c")["errcode"], 40002);
  const std::string rest = "&code=c&grant_type=authorization_code";
  EXPECT_EQ(sim_.Get(path + "?appid=wx9&secret=s" + rest)["errcode"], 40013);
  EXPECT_EQ(sim_.Get(path + "?appid=wxsite&secret=s" + rest)["errcode"], 40125);

  const std::string refresh = "/sns/oauth2/refresh_token";
  EXPECT_EQ(sim_.Get(refresh)["errcode"], 41002);
  EXPECT_EQ(sim_.Get(refresh + "?appid=wx9")["errcode"], 41003);
  EXPECT_EQ(sim_.Get(refresh + "?appid=wx9&refresh_token=t")["errcode"], 40002);
  EXPECT_EQ(sim_.RefreshOauth("wx9", "t")["errcode"], 40013);
  EXPECT_EQ(sim_.RefreshOauth(kAccount, "t")["errcode"], 40030);
}

TEST_F(Oauth, RefreshingALivingTokenExtendsIt) {
  const Json tokens = Login("alice");
  sim_.clock().Advance(absl::Seconds(7199));
  const Json refreshed = sim_.RefreshOauth(kAccount, tokens["refresh_token"]);
  Json expected = tokens;
  expected.erase("unionid");
  EXPECT_EQ(refreshed, expected);
  sim_.clock().Advance(absl::Seconds(7199));
  EXPECT_EQ(sim_.WithUserToken("auth", tokens)["errcode"], 0);
  sim_.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(sim_.WithUserToken("auth", tokens)["errcode"], 42001);
}

TEST_F(Oauth, RefreshingAnExpiredTokenGivesANewOne) {
  const Json tokens = Login("alice");
  sim_.clock().Advance(absl::Hours(2));
  EXPECT_EQ(sim_.WithUserToken("userinfo", tokens)["errcode"], 42001);
  const Json refreshed = sim_.RefreshOauth(kAccount, tokens["refresh_token"]);
  EXPECT_NE(refreshed["access_token"], tokens["access_token"]);
  EXPECT_EQ(refreshed["refresh_token"], tokens["refresh_token"]);
  EXPECT_EQ(sim_.WithUserToken("auth", refreshed)["errcode"], 0);
  EXPECT_EQ(sim_.WithUserToken("auth", tokens)["errcode"], 42001);
}

TEST_F(Oauth, ARefreshTokenLivesThirtyDaysAndAMobileAppsSixMonths) {
  const Json account = Login("alice");
  const Json mobile =
      sim_.ExchangeOauth(kMobile, sim_.OauthCode(kMobile, "alice"));
  sim_.clock().Advance(absl::Hours(30 * 24) - absl::Seconds(1));
  // That it is used does not lengthen its life.
  EXPECT_TRUE(sim_.RefreshOauth(kAccount, account["refresh_token"])
                  .contains("access_token"));
  sim_.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(sim_.RefreshOauth(kAccount, account["refresh_token"])["errcode"],
            42002);
  sim_.clock().Advance(absl::Hours(150 * 24) - absl::Seconds(1));
  EXPECT_TRUE(sim_.RefreshOauth(kMobile, mobile["refresh_token"])
                  .contains("access_token"));
  sim_.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(sim_.RefreshOauth(kMobile, mobile["refresh_token"])["errcode"],
            42002);
}

TEST_F(Oauth, AnotherAppsRefreshTokenIsInvalid) {
  const Json tokens = Login("alice");
  EXPECT_EQ(sim_.RefreshOauth(kSite, tokens["refresh_token"])["errcode"],
            40030);
}

TEST_F(Oauth, ABaseGrantReplacesRefreshTokensOnRequest) {
  const Json first = Login("alice");
  Login("alice", "snsapi_base");
  EXPECT_FALSE(
      sim_.RefreshOauth(kAccount, first["refresh_token"]).contains("errcode"));
  sim_.Control("settings", {{"base_grant_replaces_refresh_token", true}});
  const Json base = Login("alice", "snsapi_base");
  EXPECT_EQ(sim_.RefreshOauth(kAccount, first["refresh_token"])["errcode"],
            40030);
  EXPECT_FALSE(
      sim_.RefreshOauth(kAccount, base["refresh_token"]).contains("errcode"));
  EXPECT_EQ(sim_.WithUserToken("userinfo", first)["openid"], first["openid"]);
}

TEST_F(Oauth, UserinfoShowsTheProfileWithoutDetails) {
  sim_.Control("users", {{"app_id", kAccount},
                         {"user", "alice"},
                         {"profile",
                          {{"nickName", "小爱"},
                           {"gender", 2},
                           {"city", "Guangzhou"},
                           {"province", "Guangdong"},
                           {"country", "CN"},
                           {"avatarUrl", "https://thirdwx.qlogo.cn/a/46"}}}});
  const Json tokens = Login("alice");
  EXPECT_EQ(sim_.WithUserToken("userinfo", tokens),
            (Json{{"openid", tokens["openid"]},
                  {"nickname", "小爱"},
                  {"sex", 0},
                  {"province", ""},
                  {"city", ""},
                  {"country", ""},
                  {"headimgurl", "https://thirdwx.qlogo.cn/a/46"},
                  {"privilege", Json::array()},
                  {"unionid", tokens["unionid"]}}));
  sim_.Control("settings", {{"profile_details", true}});
  const Json full = sim_.WithUserToken("userinfo", tokens);
  EXPECT_EQ(full["sex"], 2);
  EXPECT_EQ(full["city"], "Guangzhou");
}

TEST_F(Oauth, UserinfoNeedsAScope) {
  const Json tokens = Login("alice", "snsapi_base");
  EXPECT_EQ(sim_.WithUserToken("userinfo", tokens)["errcode"], 48001);
  EXPECT_EQ(sim_.WithUserToken("auth", tokens)["errcode"], 0);
}

TEST_F(Oauth, ATokenGoesWithItsOwnOpenid) {
  Json tokens = Login("alice");
  const Json bob = Login("bob");
  tokens["openid"] = bob["openid"];
  EXPECT_EQ(sim_.WithUserToken("auth", tokens)["errcode"], 40003);
  EXPECT_EQ(sim_.WithUserToken("userinfo", tokens)["errcode"], 40003);
  EXPECT_EQ(sim_.Get("/sns/userinfo")["errcode"], 41001);
  EXPECT_EQ(sim_.Get("/sns/userinfo?access_token=t")["errcode"], 41009);
}

TEST_F(Oauth, TokensOfUsersAndAppsDoNotMix) {
  const Json tokens = Login("alice");
  const std::string user = tokens["access_token"];
  const std::string openid = tokens["openid"];
  const std::string app = sim_.OrdinaryToken(kAccount)["access_token"];
  EXPECT_EQ(sim_.Get(absl::StrCat("/cgi-bin/user/info?access_token=", user,
                                  "&openid=", openid))["errcode"],
            40001);
  Json mixed = tokens;
  mixed["access_token"] = app;
  EXPECT_EQ(sim_.WithUserToken("userinfo", mixed)["errcode"], 40001);
  EXPECT_EQ(sim_.WithUserToken("auth", mixed)["errcode"], 40014);
  mixed["access_token"] = tokens["refresh_token"];
  EXPECT_EQ(sim_.WithUserToken("userinfo", mixed)["errcode"], 40001);
  EXPECT_EQ(sim_.RefreshOauth(kAccount, user)["errcode"], 40030);
}

TEST_F(Oauth, ASnapshotUserIsNobody) {
  const Json real = Login("alice");
  sim_.Control("users",
               {{"app_id", kAccount}, {"user", "alice"}, {"snapshot", true}});
  const Json first = Login("alice");
  const Json second = Login("alice");
  EXPECT_EQ(first["is_snapshotuser"], 1);
  EXPECT_NE(first["openid"], real["openid"]);
  EXPECT_NE(first["openid"], second["openid"]);
  EXPECT_NE(first["unionid"], real["unionid"]);
  EXPECT_EQ(first["unionid"], second["unionid"]);
  EXPECT_EQ(sim_.WithUserToken("userinfo", first)["errcode"], 48001);
}

TEST_F(Oauth, TheJournalKnowsWhoButHoldsNoTokens) {
  const std::string code = sim_.OauthCode(kAccount, "alice");
  const Json tokens = sim_.ExchangeOauth(kAccount, code);
  sim_.RefreshOauth(kAccount, tokens["refresh_token"]);
  sim_.WithUserToken("userinfo", tokens);
  const Json journal = sim_.Get("/_sim/journal");
  EXPECT_EQ(journal["count"], 3);
  for (const Json& call : journal["calls"]) {
    EXPECT_EQ(call["app_id"], kAccount);
    EXPECT_EQ(call["user"], "alice");
  }
  for (const std::string& secret :
       {code, tokens["access_token"].get<std::string>(),
        tokens["refresh_token"].get<std::string>(),
        tokens["openid"].get<std::string>(), std::string(kSecret)})
    EXPECT_THAT(journal.dump(), Not(HasSubstr(secret)));
}

TEST_F(Oauth, AFaultOfAnAppFindsItsUsersTokens) {
  const Json tokens = Login("alice");
  sim_.Control(
      "faults",
      {{"path", "/sns/userinfo"}, {"app_id", kAccount}, {"errcode", 45011}});
  EXPECT_EQ(sim_.WithUserToken("userinfo", tokens)["errcode"], 45011);
}

TEST_F(Oauth, APersonsOldestGrantsAreForgotten) {
  const Json first = Login("alice");
  for (int i = 0; i < 100; ++i) Login("alice");
  EXPECT_EQ(sim_.WithUserToken("auth", first)["errcode"], 40014);
  EXPECT_EQ(sim_.RefreshOauth(kAccount, first["refresh_token"])["errcode"],
            40030);
  EXPECT_EQ(sim_.Get("/_sim/state")["grants"], 100);
}

}  // namespace
}  // namespace wxident::simulator

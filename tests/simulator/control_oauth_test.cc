#include "simulator/control_oauth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kAccount[] = "wxaccount";

class ControlOauth : public testing::Test {
 protected:
  ControlOauth() {
    sim_.MakeApp(kAccount, "official_account");
    sim_.MakeApp("wxsite", "website");
  }

  Json Login(const std::string& user) {
    return sim_.ExchangeOauth(kAccount, sim_.OauthCode(kAccount, user));
  }
  Json Grants(Json body) {
    body["app_id"] = kAccount;
    body["user"] = "alice";
    return sim_.Control("grants", body)["grants"];
  }

  Harness sim_;
};

TEST_F(ControlOauth, ACodeHasTheWidestScopeUnlessTold) {
  for (const auto& [app_id, scope] : {std::pair(kAccount, "snsapi_userinfo"),
                                      std::pair("wxsite", "snsapi_login")}) {
    const std::string code = sim_.Control(
        "oauth_code", {{"app_id", app_id}, {"user", "alice"}})["code"];
    EXPECT_EQ(sim_.ExchangeOauth(app_id, code)["scope"], scope);
  }
}

TEST_F(ControlOauth, RefusesWhatNoAppOfTheKindAsks) {
  EXPECT_THAT(sim_.ControlError("oauth_code", {{"app_id", "wxsite"},
                                               {"user", "alice"},
                                               {"scope", "snsapi_base"}}),
              StartsWith("scope: give "));
  EXPECT_THAT(
      sim_.ControlError("oauth_code", {{"app_id", kApp}, {"user", "alice"}}),
      HasSubstr("POST /_sim/login_code"));
  EXPECT_THAT(sim_.ControlError(
                  "grants",
                  {{"app_id", kAccount}, {"user", "alice"}, {"expire", "all"}}),
              StartsWith("expire: give "));
  EXPECT_THAT(
      sim_.ControlError("followers", {{"app_id", kAccount}, {"user", "alice"}}),
      StartsWith("subscribe: give "));
  EXPECT_THAT(sim_.ControlError("followers", {{"app_id", "wxsite"},
                                              {"user", "alice"},
                                              {"subscribe", true}}),
              StartsWith("app_id: only "));
  EXPECT_THAT(sim_.ControlError("followers", {{"app_id", kAccount},
                                              {"user", "alice"},
                                              {"subscribe", true},
                                              {"tagid_list", {"a"}}}),
              StartsWith("tagid_list: give "));
  EXPECT_THAT(sim_.ControlError("password_changed", Json::object()),
              StartsWith("user: missing"));
}

TEST_F(ControlOauth, GrantsAreShownWithoutTokens) {
  EXPECT_EQ(Grants(Json::object()), Json::array());
  const Json tokens = Login("alice");
  Login("bob");
  const Json grants = Grants(Json::object());
  EXPECT_EQ(
      grants,
      (Json{{{"scope", "snsapi_userinfo"},
             {"snapshot", false},
             {"access_token",
              {{"state", "live"}, {"expires_at", "2026-01-02T05:04:05.000Z"}}},
             {"refresh_token",
              {{"state", "live"},
               {"expires_at", "2026-02-01T03:04:05.000Z"}}}}}));
}

TEST_F(ControlOauth, ExpireEndsTheOneTokenOrTheOther) {
  const Json tokens = Login("alice");
  EXPECT_EQ(Grants({{"expire", "access_token"}})[0]["access_token"]["state"],
            "expired");
  EXPECT_EQ(sim_.WithUserToken("userinfo", tokens)["errcode"], 42001);
  const Json refreshed = sim_.RefreshOauth(kAccount, tokens["refresh_token"]);
  EXPECT_EQ(sim_.WithUserToken("auth", refreshed)["errcode"], 0);
  Grants({{"expire", "refresh_token"}});
  EXPECT_EQ(sim_.RefreshOauth(kAccount, tokens["refresh_token"])["errcode"],
            42002);
  EXPECT_EQ(sim_.WithUserToken("auth", refreshed)["errcode"], 0);
}

TEST_F(ControlOauth, RevokeEndsBoth) {
  const Json tokens = Login("alice");
  const Json bob = Login("bob");
  EXPECT_EQ(Grants({{"revoke", true}})[0]["refresh_token"]["state"], "revoked");
  EXPECT_EQ(sim_.WithUserToken("userinfo", tokens)["errcode"], 40001);
  EXPECT_EQ(sim_.RefreshOauth(kAccount, tokens["refresh_token"])["errcode"],
            40030);
  EXPECT_EQ(sim_.WithUserToken("auth", bob)["errcode"], 0);
  EXPECT_EQ(sim_.WithUserToken("auth", Login("alice"))["errcode"], 0);
}

TEST_F(ControlOauth, APasswordChangeEndsAllOfAPersonsGrants) {
  const Json account = Login("alice");
  const Json site = sim_.ExchangeOauth(
      "wxsite", sim_.OauthCode("wxsite", "alice", "snsapi_login"));
  const Json bob = Login("bob");
  EXPECT_EQ(
      sim_.Control("password_changed", {{"user", "alice"}})["grants"].size(),
      2u);
  EXPECT_EQ(sim_.RefreshOauth(kAccount, account["refresh_token"])["errcode"],
            42007);
  EXPECT_EQ(sim_.RefreshOauth("wxsite", site["refresh_token"])["errcode"],
            42007);
  EXPECT_EQ(sim_.WithUserToken("userinfo", account)["errcode"], 42007);
  EXPECT_EQ(sim_.WithUserToken("auth", bob)["errcode"], 0);
  EXPECT_EQ(sim_.WithUserToken("auth", Login("alice"))["errcode"], 0);
}

}  // namespace
}  // namespace wxident::simulator

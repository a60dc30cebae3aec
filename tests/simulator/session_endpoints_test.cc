#include "simulator/session_endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/ascii.h"
#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

using testing::MatchesRegex;

std::string Query(const std::string& app_id, const std::string& secret,
                  const std::string& code, const std::string& grant_type) {
  return absl::StrCat("/sns/jscode2session?appid=", app_id, "&secret=", secret,
                      "&js_code=", code, "&grant_type=", grant_type);
}

TEST(JsCode2Session, GivesWhatTheUserHas) {
  Harness sim;
  const Json user = sim.Control("users", {{"app_id", kApp}, {"user", "alice"}});
  const Json answer = sim.Exchange(sim.LoginCode("alice"));
  EXPECT_EQ(answer, (Json{{"session_key", user["session_key"]},
                          {"openid", user["openid"]},
                          {"unionid", user["unionid"]}}));
}

TEST(JsCode2Session, HasNoUnionidWithoutAnOpenPlatformAccount) {
  Harness sim;
  sim.Control("apps", {{"app_id", kApp}, {"open_platform_account", ""}});
  EXPECT_FALSE(sim.Exchange(sim.LoginCode("alice")).contains("unionid"));
}

TEST(JsCode2Session, TakesACodeOnceWithinItsTime) {
  Harness sim;
  const std::string used = sim.LoginCode("alice");
  EXPECT_TRUE(sim.Exchange(used).contains("openid"));
  const Json again = sim.Exchange(used);
  EXPECT_EQ(again["errcode"], 40163);
  EXPECT_THAT(again["errmsg"].get<std::string>(),
              MatchesRegex("code been used, rid: [0-9a-f]{8}-[0-9a-f]{8}-"
                           "[0-9a-f]{8}"));

  const std::string late = sim.LoginCode("alice");
  sim.clock().Advance(absl::Seconds(299));
  const std::string later = sim.LoginCode("alice");
  EXPECT_TRUE(sim.Exchange(late).contains("openid"));
  sim.clock().Advance(absl::Seconds(300));
  EXPECT_EQ(sim.Exchange(later)["errcode"], 40029);
}

TEST(JsCode2Session, ChecksInWeChatsOrder) {
  Harness sim;
  const std::string code = sim.LoginCode("alice");
  const std::string ok = "authorization_code";
  EXPECT_EQ(sim.Get("/sns/jscode2session")["errcode"], 41002);
  EXPECT_EQ(sim.Get(Query("wx9", "", "", ""))["errcode"], 41004);
  EXPECT_EQ(sim.Get(Query("wx9", "s", "", ""))["errcode"], 41008);
  EXPECT_EQ(sim.Get(Query("wx9", "s", "c", ""))["errcode"], 40002);
  EXPECT_EQ(sim.Get(Query("wx9", "s", "c", ok))["errcode"], 40013);
  EXPECT_EQ(sim.Get(Query(kApp, "s", "c", ok))["errcode"], 40125);
  EXPECT_EQ(sim.Get(Query(kApp, kSecret, "c", ok))["errcode"], 40029);
  sim.Control("apps", {{"app_id", kApp}, {"secret_frozen", true}});
  EXPECT_EQ(sim.Get(Query(kApp, kSecret, code, ok))["errcode"], 40243);
}

TEST(JsCode2Session, HonoursTheWhitelistOnlyWhereToldTo) {
  Harness sim;
  sim.Control("apps", {{"app_id", kApp}, {"ip_whitelist", {"10.0.0.1"}}});
  EXPECT_TRUE(sim.Exchange(sim.LoginCode("alice")).contains("openid"));
  sim.Control("settings", {{"ip_whitelist_covers_jscode2session", true}});
  const Json refused = sim.Exchange(sim.LoginCode("alice"));
  EXPECT_EQ(refused["errcode"], 40164);
  EXPECT_THAT(refused["errmsg"].get<std::string>(),
              testing::StartsWith("invalid ip 127.0.0.1 ipv6 "
                                  "::ffff:127.0.0.1, not in whitelist"));
}

TEST(JsCode2Session, RefusesForeignPhoneAndBlockedUsersCodes) {
  Harness sim;
  sim.Control("apps", {{"app_id", "wx2"}, {"secret", kSecret}});
  const Json foreign =
      sim.Control("login_code", {{"app_id", "wx2"}, {"user", "alice"}});
  EXPECT_EQ(sim.Exchange(foreign["code"])["errcode"], 40029);
  const Json phone =
      sim.Control("phone_code", {{"app_id", kApp}, {"user", "alice"}});
  EXPECT_EQ(sim.Exchange(phone["code"])["errcode"], 40029);
  sim.Control("users",
              {{"app_id", kApp}, {"user", "mallory"}, {"blocked", true}});
  EXPECT_EQ(sim.Exchange(sim.LoginCode("mallory"))["errcode"], 40226);
}

TEST(JsCode2Session, LimitsOneUsersMinuteOnRequest) {
  Harness sim;
  sim.Control(
      "settings",
      {{"quotas", {{"/sns/jscode2session", {{"per_minute_per_user", 1}}}}}});
  EXPECT_TRUE(sim.Exchange(sim.LoginCode("alice")).contains("openid"));
  const std::string code = sim.LoginCode("alice");
  EXPECT_EQ(sim.Exchange(code)["errcode"], 45011);
  EXPECT_TRUE(sim.Exchange(sim.LoginCode("bob")).contains("openid"));
  sim.clock().Advance(absl::Minutes(1));
  EXPECT_TRUE(sim.Exchange(code).contains("openid"));
}

TEST(JsCode2Session, ReadsTheQueryOfAPostUnlessToldToRefuse) {
  Harness sim;
  const HttpReply form = sim.Send("POST", "/sns/jscode2session", "appid=x");
  EXPECT_THAT(form.body, testing::HasSubstr("41002"));
  sim.Control("settings", {{"refuse_post_to_get", true}});
  EXPECT_EQ(sim.Post("/sns/jscode2session", Json::object())["errcode"], 43001);
}

TEST(JsCode2Session, KeepsAYoungSessionKeyAndRotatesAnOldOne) {
  Harness sim;
  const std::string first = sim.Exchange(sim.LoginCode("alice"))["session_key"];
  sim.clock().Advance(absl::Seconds(299));
  EXPECT_EQ(sim.Exchange(sim.LoginCode("alice"))["session_key"], first);
  sim.clock().Advance(absl::Seconds(1));
  const Json rotated = sim.Exchange(sim.LoginCode("alice"));
  EXPECT_NE(rotated["session_key"], first);

  const std::string token = sim.OrdinaryToken()["access_token"];
  const std::string openid = rotated["openid"];
  EXPECT_EQ(sim.Signed("checksession", token, openid, first)["errcode"], 87009);
  EXPECT_EQ(sim.Signed("checksession", token, openid,
                       rotated["session_key"])["errcode"],
            0);
}

TEST(JsCode2Session, GivesAPresetSessionKeyOutBeforeRotatingIt) {
  Harness sim;
  sim.Control("settings", {{"session_key_min_rotation_s", 0}});
  sim.Control("users", {{"app_id", kApp},
                        {"user", "alice"},
                        {"session_key", "tiihtNczf5v6AKRyjwEUhQ=="}});
  sim.clock().Advance(absl::Hours(1));
  EXPECT_EQ(sim.Exchange(sim.LoginCode("alice"))["session_key"],
            "tiihtNczf5v6AKRyjwEUhQ==");
  EXPECT_NE(sim.Exchange(sim.LoginCode("alice"))["session_key"],
            "tiihtNczf5v6AKRyjwEUhQ==");
}

// The published session key of the user-signature sample; the digest of the
// empty message under it was computed apart from this code.
TEST(CheckSession, TakesTheHmacUnderTheKeysTextInEitherCase) {
  Harness sim;
  const Json user =
      sim.Control("users", {{"app_id", kApp},
                            {"user", "alice"},
                            {"session_key", "o0q0otL8aEzpcZL/FT9WsQ=="}});
  const std::string token = sim.StableToken()["access_token"];
  const std::string signature =
      "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128";
  const std::string base =
      absl::StrCat("/wxa/checksession?access_token=", token,
                   "&openid=", user["openid"].get<std::string>(),
                   "&sig_method=hmac_sha256&signature=");
  EXPECT_EQ(sim.Get(base + signature),
            (Json{{"errcode", 0}, {"errmsg", "ok"}}));
  const std::string upper = absl::AsciiStrToUpper(signature);
  EXPECT_EQ(sim.Get(base + upper)["errcode"], 0);
  sim.Control("settings", {{"signature_case_sensitive", true}});
  EXPECT_EQ(sim.Get(base + upper)["errcode"], 87009);
  EXPECT_EQ(sim.Get(base)["errcode"], 87009);
}

TEST(CheckSession, ChecksInOrder) {
  Harness sim;
  const std::string token = sim.OrdinaryToken()["access_token"];
  const std::string base = "/wxa/checksession?access_token=";
  EXPECT_EQ(sim.Get("/wxa/checksession")["errcode"], 41001);
  const Json unknown = sim.Get(base + "nonsense");
  EXPECT_EQ(unknown["errcode"], 40001);
  EXPECT_THAT(unknown["errmsg"].get<std::string>(),
              MatchesRegex("invalid credential, .* latest rid: "
                           "[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}"));
  EXPECT_EQ(sim.Get(base + token)["errcode"], 41009);
  EXPECT_EQ(sim.Get(base + token + "&openid=o")["errcode"], 87008);
  EXPECT_EQ(
      sim.Get(base + token + "&openid=o&sig_method=hmac_sha256")["errcode"],
      40003);
  sim.clock().Advance(absl::Seconds(7200));
  EXPECT_EQ(sim.Get(base + token)["errcode"], 42001);
}

TEST(ResetUserSessionKey, KillsTheOldKeyAndKeepsItsExpiry) {
  Harness sim;
  sim.Control("settings", {{"session_key_lifetime_s", 1000}});
  const Json login = sim.Exchange(sim.LoginCode("alice"));
  const std::string openid = login["openid"];
  const std::string old = login["session_key"];
  const std::string token = sim.OrdinaryToken()["access_token"];
  const auto call = [&](const char* name, const std::string& key) {
    return sim.Signed(name, token, openid, key);
  };

  sim.clock().Advance(absl::Seconds(600));
  const Json reset = call("resetusersessionkey", old);
  EXPECT_EQ(reset["errcode"], 0);
  EXPECT_EQ(reset["openid"], openid);
  const std::string fresh = reset["session_key"];
  EXPECT_NE(fresh, old);
  EXPECT_EQ(call("checksession", old)["errcode"], 87009);
  EXPECT_EQ(call("checksession", fresh)["errcode"], 0);
  EXPECT_EQ(call("resetusersessionkey", old)["errcode"], 87009);
  EXPECT_EQ(call("resetusersessionkey", fresh)["errcode"], 45011);

  sim.clock().Advance(absl::Seconds(400));
  EXPECT_EQ(call("checksession", fresh)["errcode"], 87009);
  EXPECT_EQ(call("resetusersessionkey", fresh)["errcode"], 87007);
}

}  // namespace
}  // namespace wxident::simulator

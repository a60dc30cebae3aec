#include "simulator/token_endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/tokens.h"
#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

// The errcode of a call with the token that is otherwise fine.
int Use(Harness& sim, const std::string& token) {
  const Json user = sim.Control("users", {{"app_id", kApp}, {"user", "alice"}});
  return sim.Signed("checksession", token, user["openid"],
                    user["session_key"])["errcode"];
}

TEST(OrdinaryToken, EachCallDoomsTheOneBefore) {
  Harness sim;
  const Json first = sim.OrdinaryToken();
  EXPECT_EQ(first["expires_in"], 7200);
  const Json second = sim.OrdinaryToken();
  EXPECT_NE(first["access_token"], second["access_token"]);

  sim.clock().Advance(absl::Seconds(299));
  EXPECT_EQ(Use(sim, first["access_token"]), 0);
  sim.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(Use(sim, first["access_token"]), 40001);
  EXPECT_EQ(Use(sim, second["access_token"]), 0);
  sim.clock().Advance(absl::Seconds(6900));
  EXPECT_EQ(Use(sim, second["access_token"]), 42001);
}

TEST(OrdinaryToken, OverlapNeverOutlivesTheToken) {
  Harness sim;
  const std::string first = sim.OrdinaryToken()["access_token"];
  sim.clock().Advance(absl::Seconds(7100));
  sim.OrdinaryToken();
  sim.clock().Advance(absl::Seconds(100));
  EXPECT_EQ(Use(sim, first), 42001);
}

TEST(OrdinaryToken, ChecksInOrder) {
  Harness sim;
  const std::string base = "/cgi-bin/token?x=1";
  const std::string appid = base + "&appid=" + kApp;
  const std::string grant = "&grant_type=client_credential";
  EXPECT_EQ(sim.Get(base)["errcode"], 41002);
  EXPECT_EQ(sim.Get(appid)["errcode"], 41004);
  EXPECT_EQ(sim.Get(appid + "&secret=s")["errcode"], 40002);
  EXPECT_EQ(sim.Get(appid + "&secret=s" + grant)["errcode"], 40125);
  sim.Control("apps", {{"app_id", kApp}, {"ip_whitelist", {"10.0.0.1"}}});
  EXPECT_EQ(sim.OrdinaryToken()["errcode"], 40164);
  sim.Control("apps", {{"app_id", kApp}, {"ip_whitelist", {"127.0.0.1"}}});
  EXPECT_TRUE(sim.OrdinaryToken().contains("access_token"));
  sim.Control("apps",
              {{"app_id", "web"}, {"kind", "website"}, {"secret", kSecret}});
  EXPECT_EQ(sim.OrdinaryToken("web")["errcode"], 40013);
}

TEST(OrdinaryToken, CountsTheDayInChina) {
  Harness sim;
  sim.Control("settings", {{"quotas", {{"/cgi-bin/token", {{"per_day", 2}}}}}});
  // 03:04:05 UTC is 11:04:05 in China.
  sim.OrdinaryToken();
  sim.OrdinaryToken();
  EXPECT_EQ(sim.OrdinaryToken()["errcode"], 45009);
  sim.clock().Advance(absl::Hours(12));
  EXPECT_EQ(sim.OrdinaryToken()["errcode"], 45009);
  sim.clock().Advance(absl::Hours(1));
  EXPECT_TRUE(sim.OrdinaryToken().contains("access_token"));
}

TEST(StableToken, StaysUntilItsLastFiveMinutes) {
  Harness sim;
  const Json first = sim.StableToken();
  EXPECT_EQ(first["expires_in"], 7200);
  sim.clock().Advance(absl::Seconds(6900));
  const Json same = sim.StableToken();
  EXPECT_EQ(same["access_token"], first["access_token"]);
  EXPECT_EQ(same["expires_in"], 300);

  sim.clock().Advance(absl::Seconds(200));
  const Json next = sim.StableToken();
  EXPECT_NE(next["access_token"], first["access_token"]);
  EXPECT_EQ(next["expires_in"], 7200);
  sim.clock().Advance(absl::Seconds(299));
  EXPECT_EQ(Use(sim, first["access_token"]), 0);
  EXPECT_EQ(Use(sim, next["access_token"]), 0);
  sim.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(Use(sim, first["access_token"]), 40001);
  EXPECT_EQ(Use(sim, next["access_token"]), 0);
}

TEST(StableToken, DiesOfAgeWhenNobodyAsks) {
  Harness sim;
  const std::string first = sim.StableToken()["access_token"];
  sim.clock().Advance(absl::Seconds(7200));
  EXPECT_NE(sim.StableToken()["access_token"], first);
  EXPECT_EQ(Use(sim, first), 42001);
}

TEST(StableToken, ForceKillsAtOnceWhateverOverlaps) {
  Harness sim;
  const std::string first = sim.StableToken()["access_token"];
  sim.clock().Advance(absl::Seconds(7000));
  const std::string second = sim.StableToken()["access_token"];
  const std::string forced = sim.StableToken(true)["access_token"];
  EXPECT_EQ(Use(sim, first), 40001);
  EXPECT_EQ(Use(sim, second), 40001);
  EXPECT_EQ(Use(sim, forced), 0);
}

TEST(StableToken, ForcesThirtySecondsApartAndTwentyTimesADay) {
  Harness sim;
  std::string last = sim.StableToken(true)["access_token"];
  sim.clock().Advance(absl::Seconds(29));
  EXPECT_EQ(sim.StableToken(true)["access_token"], last);
  sim.Control("settings", {{"stable_force_early_errcode", 45011}});
  EXPECT_EQ(sim.StableToken(true)["errcode"], 45011);
  sim.clock().Advance(absl::Seconds(1));
  for (int i = 2; i <= 20; ++i) {
    const Json next = sim.StableToken(true);
    ASSERT_NE(next["access_token"], last) << i;
    last = next["access_token"];
    sim.clock().Advance(absl::Seconds(30));
  }
  EXPECT_EQ(sim.StableToken(true)["errcode"], 45009);
  EXPECT_EQ(sim.StableToken()["access_token"], last);
  sim.clock().Advance(absl::Hours(24));
  EXPECT_TRUE(sim.StableToken(true).contains("access_token"));
}

TEST(StableToken, KeepsApartFromOrdinaryTokens) {
  Harness sim;
  const std::string stable = sim.StableToken()["access_token"];
  const std::string ordinary = sim.OrdinaryToken()["access_token"];
  sim.StableToken(true);
  sim.clock().Advance(absl::Minutes(10));
  EXPECT_EQ(Use(sim, ordinary), 0);
  EXPECT_EQ(Use(sim, stable), 40001);
}

TEST(StableToken, RefusesBodiesThatAreNoObject) {
  Harness sim;
  const auto errcode = [&sim](const std::string& body) -> int {
    return ParseJson(sim.Send("POST", "/cgi-bin/stable_token", body).body)
        .value()["errcode"];
  };
  EXPECT_EQ(errcode(""), 44002);
  EXPECT_EQ(errcode("appid=wx"), 47001);
  EXPECT_EQ(errcode("[]"), 47001);
  EXPECT_EQ(errcode(R"({"appid":7})"), 47001);
  EXPECT_EQ(errcode("{}"), 41002);
  EXPECT_EQ(sim.Get("/cgi-bin/stable_token")["errcode"], 43002);
}

TEST(StableToken, CountsSecondsMinutesAndDays) {
  Harness sim;
  sim.Control("settings",
              {{"quotas",
                {{"/cgi-bin/stable_token",
                  {{"per_second", 2}, {"per_minute", 3}, {"per_day", 4}}}}}});
  sim.StableToken();
  sim.StableToken();
  EXPECT_EQ(sim.StableToken()["errcode"], 44990);
  sim.clock().Advance(absl::Seconds(1));
  sim.StableToken();
  EXPECT_EQ(sim.StableToken()["errcode"], 45011);
  sim.clock().Advance(absl::Minutes(1));
  EXPECT_TRUE(sim.StableToken().contains("access_token"));
  EXPECT_EQ(sim.StableToken()["errcode"], 45009);
}

TEST(GetTicket, GivesOneTicketUntilItExpires) {
  Harness sim;
  sim.Control(
      "apps",
      {{"app_id", "oa"}, {"kind", "official_account"}, {"secret", kSecret}});
  const std::string token = sim.OrdinaryToken("oa")["access_token"];
  const std::string base =
      "/cgi-bin/ticket/getticket?access_token=" + token + "&type=";
  const Json first = sim.Get(base + "jsapi");
  EXPECT_EQ(first["errcode"], 0);
  EXPECT_EQ(first["expires_in"], 7200);
  EXPECT_NE(sim.Get(base + "wx_card")["ticket"], first["ticket"]);
  EXPECT_EQ(sim.Get(base + "other")["errcode"], 40097);
  sim.clock().Advance(absl::Seconds(7199));
  const Json same = sim.Get(base + "jsapi");
  EXPECT_EQ(same["ticket"], first["ticket"]);
  EXPECT_EQ(same["expires_in"], 1);
  const Json call = sim.Get("/_sim/journal?limit=1")["calls"][0];
  EXPECT_EQ(call["given"]["issued"], false);
  EXPECT_EQ(call["given"]["digest"],
            DigestOf(first["ticket"].get<std::string>()));
  const Json state = sim.Get("/_sim/state");
  for (const Json& app : state["apps"])
    if (app["app_id"] == "oa")
      EXPECT_EQ(app["jsapi_ticket"]["accepted"],
                Json({call["given"]["digest"]}));

  sim.Control("settings", {{"ticket_survives_token_rotation", false}});
  const std::string next = sim.OrdinaryToken("oa")["access_token"];
  const Json fresh =
      sim.Get("/cgi-bin/ticket/getticket?access_token=" + next + "&type=jsapi");
  EXPECT_NE(fresh["ticket"], first["ticket"]);
}

TEST(GetTicket, IsNotForMiniPrograms) {
  Harness sim;
  const std::string token = sim.OrdinaryToken()["access_token"];
  const std::string target =
      "/cgi-bin/ticket/getticket?type=jsapi&access_token=" + token;
  EXPECT_EQ(sim.Get(target)["errcode"], 48001);
  sim.Control("settings", {{"wrong_kind_errcode", 40013}});
  EXPECT_EQ(sim.Get(target)["errcode"], 40013);
  sim.Control("apps", {{"app_id", kApp}, {"banned", true}});
  EXPECT_EQ(sim.Get(target)["errcode"], 48004);
}

}  // namespace
}  // namespace wxident::simulator

#include "simulator/simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/base/captured_log.h"
#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

TEST(Simulator, RefusesAPostWithoutContentLength) {
  Harness sim;
  const HttpReply reply =
      sim.Send("POST", "/cgi-bin/stable_token", "{}", false);
  EXPECT_EQ(reply.status, 412);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(sim.Get("/_sim/journal")["calls"][0]["outcome"], "http 412");
  sim.Control("settings", {{"require_content_length", false}});
  EXPECT_EQ(sim.Send("POST", "/cgi-bin/stable_token", "{}", false).status, 200);
}

TEST(Simulator, HasNoAnswerForAnUnknownPath) {
  Harness sim;
  HttpReply reply;
  const std::string log =
      LoggedBy([&] { reply = sim.Send("GET", "/sns/nothing?secret=canary"); });
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(log, HasSubstr("\"level\":\"error\""));
  EXPECT_THAT(log, HasSubstr("/sns/nothing"));
  EXPECT_THAT(log, testing::Not(HasSubstr("canary")));
  EXPECT_EQ(sim.Get("/_sim/journal")["calls"][0]["outcome"], "http 404");
}

TEST(Simulator, SendsEachFamilysContentType) {
  Harness sim;
  EXPECT_EQ(sim.Send("GET", "/sns/jscode2session").content_type, "text/plain");
  EXPECT_EQ(sim.Send("GET", "/cgi-bin/token").content_type, "application/json");
  sim.Control("settings",
              {{"content_type_sns", "application/json"},
               {"content_type_other", "application/json; encoding=utf-8"}});
  EXPECT_EQ(sim.Send("GET", "/sns/jscode2session").content_type,
            "application/json");
  EXPECT_EQ(sim.Send("GET", "/cgi-bin/token").content_type,
            "application/json; encoding=utf-8");
}

TEST(Simulator, PutsTheTimeIntoTheRid) {
  Harness sim;
  const std::string time =
      absl::StrCat(absl::Hex(absl::ToUnixSeconds(sim.clock().Now())));
  const std::string rest = time + "-[0-9a-f]{8}-[0-9a-f]{8}";
  EXPECT_THAT(sim.Get("/sns/jscode2session")["errmsg"].get<std::string>(),
              MatchesRegex("appid missing, rid: " + rest));
  EXPECT_THAT(sim.Get("/cgi-bin/token")["errmsg"].get<std::string>(),
              MatchesRegex("appid missing rid: " + rest));
  EXPECT_NE(sim.Get("/cgi-bin/token"), sim.Get("/cgi-bin/token"));
}

TEST(Simulator, EscapesSlashesOnRequest) {
  Harness sim;
  sim.Control("users", {{"app_id", kApp},
                        {"user", "a"},
                        {"session_key", "o0q0otL8aEzpcZL/FT9WsQ=="}});
  sim.Control("settings", {{"escape_slashes", true},
                           {"jscode2session_errcode_on_success", true}});
  const HttpReply reply = sim.Send(
      "GET", absl::StrCat("/sns/jscode2session?appid=", kApp,
                          "&secret=", kSecret, "&js_code=", sim.LoginCode("a"),
                          "&grant_type=authorization_code"));
  EXPECT_THAT(reply.body, HasSubstr("o0q0otL8aEzpcZL\\/FT9WsQ=="));
  EXPECT_THAT(reply.body, HasSubstr("\"errcode\":0,\"errmsg\":\"ok\""));
}

// What a run shows of everything that is made up.
std::string Story(uint64_t seed, bool with_others) {
  Harness sim(seed);
  std::string out;
  for (int i = 0; i < 2; ++i) {
    if (with_others) sim.Exchange(sim.LoginCode("somebody else"));
    const std::string code = sim.LoginCode("alice");
    out += code + sim.Exchange(code).dump() + sim.OrdinaryToken().dump();
    if (with_others) sim.Get("/sns/jscode2session");
    out += sim.StableToken(true).dump();
    out +=
        sim.Control("phone_code", {{"app_id", kApp}, {"user", "alice"}}).dump();
    out += sim.Control(
                  "encrypt",
                  {{"app_id", kApp}, {"user", "alice"}, {"payload", "profile"}})
               .dump();
    sim.clock().Advance(absl::Hours(1));
  }
  return out;
}

TEST(Simulator, IsItsSeedsWhateverOthersDo) {
  EXPECT_EQ(Story(7, false), Story(7, true));
  EXPECT_NE(Story(7, false), Story(8, false));
}

TEST(Simulator, ResetGoesBackToTheStart) {
  Harness sim;
  const std::string first = sim.LoginCode("alice");
  sim.Control("apps", {{"app_id", "wx2"}});
  sim.Control("settings", {{"login_code_ttl_s", 9}});
  sim.Control("faults", {{"path", "*"}, {"errcode", -1}});
  sim.Control("clock/advance", {{"seconds", 60}});
  sim.Get("/cgi-bin/token");
  sim.Control("reset", Json::object());

  EXPECT_EQ(sim.Exchange(first)["errcode"], 40029);
  EXPECT_EQ(sim.Get("/_sim/journal")["count"], 1);
  const Json state = sim.Get("/_sim/state");
  EXPECT_EQ(state["now"], "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(state["apps"].size(), 1u);
  EXPECT_EQ(sim.Get("/_sim/settings")["login_code_ttl_s"], 300);
  EXPECT_EQ(sim.LoginCode("alice"), first);
}

TEST(Simulator, ACallThatAResetOvertookTouchesNoNewEntry) {
  Harness sim;
  HttpRequest request;
  request.method = "GET";
  request.path = "/cgi-bin/token";
  Simulator::Call slow = sim.simulator().Begin(request);
  Simulator::Call gone = sim.simulator().Begin(request);
  sim.Control("reset", Json::object());
  sim.OrdinaryToken();
  EXPECT_EQ(sim.simulator().Finish(std::move(slow)).status, 200);
  sim.simulator().Abandon(gone);
  const Json journal = sim.Get("/_sim/journal");
  EXPECT_EQ(journal["count"], 1);
  EXPECT_EQ(journal["calls"][0]["outcome"], "ok");
}

}  // namespace
}  // namespace wxident::simulator

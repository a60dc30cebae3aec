#include "simulator/faults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kLogin[] = "/sns/jscode2session";

class FaultTest : public testing::Test {
 protected:
  void Add(Json rule) {
    if (!rule.contains("path")) rule["path"] = kLogin;
    EXPECT_TRUE(sim_.Control("faults", rule).contains("id"));
  }
  HttpReply Raw(const std::string& code) {
    return sim_.Send("GET", absl::StrCat(kLogin, "?appid=", kApp,
                                         "&secret=", kSecret, "&js_code=", code,
                                         "&grant_type=authorization_code"));
  }
  Json LastCall() { return sim_.Get("/_sim/journal?limit=1")["calls"][0]; }

  Harness sim_;
};

TEST_F(FaultTest, BeforeTheEffectLeavesTheCodeUnused) {
  const std::string code = sim_.LoginCode("alice");
  Add({{"errcode", -1}, {"count", 1}});
  const Json failed = sim_.Exchange(code);
  EXPECT_EQ(failed["errcode"], -1);
  EXPECT_THAT(failed["errmsg"].get<std::string>(),
              StartsWith("system error, rid: "));
  EXPECT_EQ(LastCall()["effect"], false);
  EXPECT_TRUE(sim_.Exchange(code).contains("openid"));
}

TEST_F(FaultTest, AfterTheEffectUsesTheCodeUp) {
  const std::string code = sim_.LoginCode("alice");
  Add({{"errcode", -1}, {"when", "after"}, {"count", 1}});
  EXPECT_EQ(sim_.Exchange(code)["errcode"], -1);
  EXPECT_EQ(LastCall()["effect"], true);
  EXPECT_EQ(LastCall()["user"], "alice");
  EXPECT_EQ(LastCall()["outcome"], "errcode -1");
  EXPECT_EQ(sim_.Exchange(code)["errcode"], 40163);
}

TEST_F(FaultTest, GivesAnyErrcodeAsNumberOrText) {
  Add({{"errcode", 40226}, {"errmsg", "no"}, {"count", 1}});
  EXPECT_THAT(sim_.Exchange("c")["errmsg"].get<std::string>(),
              StartsWith("no, rid: "));
  Add({{"errcode", "40029"}});
  EXPECT_EQ(sim_.Exchange("c")["errcode"], "40029");
  EXPECT_EQ(LastCall()["outcome"], "errcode 40029");
}

TEST_F(FaultTest, ReplacesTheWholeAnswer) {
  Add({{"http_status", 502},
       {"body", "<html>bad gateway</html>"},
       {"content_type", "text/html"},
       {"headers", {{"Location", "http://169.254.169.254/"}}}});
  const HttpReply reply = Raw("c");
  EXPECT_EQ(reply.status, 502);
  EXPECT_EQ(reply.body, "<html>bad gateway</html>");
  EXPECT_EQ(reply.content_type, "text/html");
  ASSERT_EQ(reply.headers.size(), 2u);
  EXPECT_EQ(reply.headers[0].second, "http://169.254.169.254/");
  EXPECT_EQ(reply.headers[1].first, "Date");
  EXPECT_EQ(LastCall()["outcome"], "http 502");
  EXPECT_EQ(LastCall()["fault"], "http_status,body,headers");
}

TEST_F(FaultTest, TakesRawBytesInBase64) {
  Add({{"body_base64", "/wAB"}});
  EXPECT_EQ(Raw("c").body, std::string("\xff\x00\x01", 3));
  EXPECT_EQ(LastCall()["outcome"], "body");
}

TEST_F(FaultTest, PatchesAndRemovesMembersOfTheNormalAnswer) {
  Add({{"patch", {{"openid", 7}, {"is_snapshotuser", 1}, {"extra", nullptr}}},
       {"remove", {"unionid"}}});
  const Json answer = sim_.Exchange(sim_.LoginCode("alice"));
  EXPECT_EQ(answer["openid"], 7);
  EXPECT_EQ(answer["is_snapshotuser"], 1);
  EXPECT_TRUE(answer["extra"].is_null());
  EXPECT_FALSE(answer.contains("unionid"));
  EXPECT_TRUE(answer["session_key"].is_string());
}

TEST_F(FaultTest, PatchesDeepMembers) {
  Add({{"path", "/wxa/business/getuserphonenumber"},
       {"patch", {{"phone_info", {{"countryCode", 86}}}}},
       {"remove", {"/phone_info/watermark/appid", "/no/such"}}});
  const std::string code =
      sim_.Control("phone_code", {{"app_id", kApp}, {"user", "a"}})["code"];
  const std::string token = sim_.StableToken()["access_token"];
  const Json info =
      sim_.Post("/wxa/business/getuserphonenumber?access_token=" + token,
                {{"code", code}})["phone_info"];
  EXPECT_EQ(info["countryCode"], 86);
  EXPECT_TRUE(info["watermark"].contains("timestamp"));
  EXPECT_FALSE(info["watermark"].contains("appid"));
}

TEST_F(FaultTest, SendsControlBytesAndBrokenUtf8) {
  Add({{"patch",
        {{"nickname",
          "a\x14"
          "b\xEF\xBF\xBD\\n"}}},
       {"raw_control", true},
       {"invalid_utf8", true}});
  EXPECT_THAT(Raw(sim_.LoginCode("alice")).body,
              HasSubstr("\"nickname\":\"a\x14"
                        "b\xff\\\\n\""));
}

TEST_F(FaultTest, CutsPadsAndResets) {
  Add({{"pad_to", 70000}, {"cut_after", 10}, {"count", 1}});
  const HttpReply cut = Raw("c");
  EXPECT_EQ(cut.body.size(), 70000u);
  EXPECT_EQ(cut.cut_after, 10u);
  EXPECT_EQ(LastCall()["outcome"], "cut");
  Add({{"reset", true}, {"when", "after"}});
  const std::string code = sim_.LoginCode("alice");
  EXPECT_TRUE(Raw(code).reset);
  EXPECT_EQ(LastCall()["outcome"], "reset");
  EXPECT_FALSE(LastCall().contains("http_status"));
  sim_.Send("DELETE", "/_sim/faults");
  EXPECT_EQ(sim_.Exchange(code)["errcode"], 40163);
}

TEST_F(FaultTest, WaitsBeforeOrAfterTheEffect) {
  Add({{"latency_ms", 1500}, {"count", 1}});
  HttpRequest request;
  request.method = "GET";
  request.path = kLogin;
  Simulator::Call slow = sim_.simulator().Begin(request);
  EXPECT_EQ(slow.wait, absl::Milliseconds(1500));
  EXPECT_EQ(LastCall()["outcome"], "waiting");
  EXPECT_EQ(sim_.simulator().Finish(std::move(slow)).delay,
            absl::ZeroDuration());
  Add({{"latency_ms", 1500}, {"when", "after"}, {"count", 1}});
  slow = sim_.simulator().Begin(request);
  EXPECT_EQ(slow.wait, absl::ZeroDuration());
  EXPECT_EQ(sim_.simulator().Finish(std::move(slow)).delay,
            absl::Milliseconds(1500));
  Add({{"latency_ms", 1500}, {"count", 1}});
  slow = sim_.simulator().Begin(request);
  sim_.simulator().Abandon(slow);
  EXPECT_EQ(LastCall()["outcome"], "client gone");
}

TEST_F(FaultTest, StrikesByAppPathCountAndOrder) {
  sim_.Control("apps", {{"app_id", "wx2"}, {"secret", kSecret}});
  Add({{"path", "*"}, {"app_id", "wx2"}, {"errcode", 45011}});
  Add({{"path", "/cgi-bin/token"}, {"errcode", 45009}, {"count", 2}});
  Add({{"path", "/cgi-bin/token"}, {"errcode", -1}});
  EXPECT_EQ(sim_.OrdinaryToken("wx2")["errcode"], 45011);
  EXPECT_EQ(sim_.OrdinaryToken()["errcode"], 45009);
  EXPECT_EQ(sim_.OrdinaryToken()["errcode"], 45009);
  EXPECT_EQ(sim_.OrdinaryToken()["errcode"], -1);
  EXPECT_TRUE(sim_.StableToken().contains("access_token"));

  const Json listed = sim_.Get("/_sim/faults")["faults"];
  ASSERT_EQ(listed.size(), 3u);
  EXPECT_EQ(listed[1]["fired"], 2);
  EXPECT_EQ(listed[1]["left"], 0);
  sim_.Send("DELETE", "/_sim/faults?id=3");
  EXPECT_TRUE(sim_.OrdinaryToken().contains("access_token"));
  EXPECT_EQ(sim_.Send("DELETE", "/_sim/faults?id=3").status, 400);
}

TEST_F(FaultTest, StrikesWithAProbabilityThatTheSeedRepeats) {
  const auto run = [](uint64_t seed) {
    Harness sim(seed);
    sim.Control("faults",
                {{"path", "*"}, {"errcode", -1}, {"probability", 0.25}});
    std::string out;
    for (int i = 0; i < 400; ++i)
      out += sim.Get(kLogin)["errcode"] == -1 ? 'x' : '.';
    return out;
  };
  const std::string first = run(1);
  EXPECT_EQ(run(1), first);
  EXPECT_NE(run(2), first);
  const auto struck = std::count(first.begin(), first.end(), 'x');
  EXPECT_GT(struck, 60);
  EXPECT_LT(struck, 140);
}

TEST_F(FaultTest, ComplainsWithTheFieldsName) {
  const auto error = [this](Json rule) {
    rule["path"] = kLogin;
    return sim_.ControlError("faults", rule);
  };
  EXPECT_THAT(sim_.ControlError("faults", {{"path", "/x"}, {"reset", true}}),
              StartsWith("path: "));
  EXPECT_THAT(error({}), HasSubstr("does nothing"));
  EXPECT_THAT(error({{"latency", 5}}), StartsWith("latency: no such field"));
  EXPECT_THAT(error({{"latency_ms", "5"}}), StartsWith("latency_ms: "));
  EXPECT_THAT(error({{"errcode", 1.5}}), StartsWith("errcode: "));
  EXPECT_THAT(error({{"errmsg", "x"}}), StartsWith("errmsg: "));
  EXPECT_THAT(error({{"reset", true}, {"probability", 2}}),
              StartsWith("probability: "));
  EXPECT_THAT(error({{"body_base64", "%"}}), StartsWith("body_base64: "));
  EXPECT_THAT(error({{"reset", true}, {"when", "later"}}),
              StartsWith("when: "));
  EXPECT_THAT(error({{"remove", {"unionid"}}, {"when", "before"}}),
              StartsWith("when: "));
  EXPECT_THAT(error({{"headers", {{"X", "a\r\nB: c"}}}}),
              StartsWith("headers: "));
  EXPECT_EQ(sim_.Get("/_sim/faults")["faults"].size(), 0u);
}

}  // namespace
}  // namespace wxident::simulator

#include "simulator/quota_endpoints.h"

#include <gtest/gtest.h>

#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

class QuotaTest : public testing::Test {
 protected:
  QuotaTest() {
    sim_.Control("settings",
                 {{"quotas",
                   {{"/cgi-bin/token", {{"per_day", 2}, {"per_minute", 9}}}}}});
    token_ = sim_.StableToken()["access_token"];
  }

  Json Call(const std::string& name, const Json& body) {
    return sim_.Post(absl::StrCat("/cgi-bin/", name, "?access_token=", token_),
                     body);
  }
  void UseUp() {
    sim_.OrdinaryToken();
    sim_.OrdinaryToken();
    ASSERT_EQ(sim_.OrdinaryToken()["errcode"], 45009);
  }

  Harness sim_;
  std::string token_;
};

TEST_F(QuotaTest, TellsWhatIsLeft) {
  sim_.OrdinaryToken();
  EXPECT_EQ(
      Call("openapi/quota/get", {{"cgi_path", "/cgi-bin/token"}}),
      (Json{{"errcode", 0},
            {"errmsg", "ok"},
            {"quota", {{"daily_limit", 2}, {"used", 1}, {"remain", 1}}},
            {"rate_limit", {{"call_count", 9}, {"refresh_second", 60}}}}));
  sim_.clock().Advance(absl::Hours(24));
  token_ = sim_.StableToken()["access_token"];
  EXPECT_EQ(Call("openapi/quota/get",
                 {{"cgi_path", "/cgi-bin/token"}})["quota"]["used"],
            0);
  EXPECT_EQ(Call("openapi/quota/get",
                 {{"cgi_path", "/wxa/checksession"}})["quota"]["daily_limit"],
            0);
}

TEST_F(QuotaTest, KnowsNoQuotaOfOtherPaths) {
  const auto errcode = [this](const std::string& path) {
    return Call("openapi/quota/get", {{"cgi_path", path}})["errcode"];
  };
  EXPECT_EQ(errcode("cgi-bin/token"), 76003);
  EXPECT_EQ(errcode("/sns/userinfo"), 76022);
  EXPECT_EQ(errcode("/nothing"), 76021);
}

TEST_F(QuotaTest, ClearBeginsTheDayAnew) {
  UseUp();
  EXPECT_EQ(Call("clear_quota", {{"appid", "wx9"}})["errcode"], 40013);
  EXPECT_EQ(Call("clear_quota", Json::object())["errcode"], 41002);
  EXPECT_EQ(Call("clear_quota", {{"appid", kApp}})["errcode"], 0);
  UseUp();
}

TEST_F(QuotaTest, ClearBySecretTakesQueryOrBody) {
  const std::string path = "/cgi-bin/clear_quota/v2";
  UseUp();
  EXPECT_EQ(
      sim_.Post(absl::StrCat(path, "?appid=", kApp, "&appsecret=", kSecret),
                Json::object())["errcode"],
      0);
  UseUp();
  EXPECT_EQ(
      sim_.Post(path, {{"appid", kApp}, {"appsecret", kSecret}})["errcode"], 0);
  UseUp();
  EXPECT_EQ(sim_.Post(path, Json::object())["errcode"], 41002);
  EXPECT_EQ(sim_.Post(path, {{"appid", kApp}})["errcode"], 41004);
  EXPECT_EQ(sim_.Post(path, {{"appid", kApp}, {"appsecret", "s"}})["errcode"],
            40125);
}

TEST_F(QuotaTest, AMonthAllowsTenClears) {
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(Call("clear_quota", {{"appid", kApp}})["errcode"], 0);
  EXPECT_EQ(Call("clear_quota", {{"appid", kApp}})["errcode"], 48006);
  // From 2 January to February in China, which is 31 January here.
  sim_.clock().Advance(absl::FromUnixSeconds(1769875199) - sim_.clock().Now());
  token_ = sim_.StableToken()["access_token"];
  EXPECT_EQ(Call("clear_quota", {{"appid", kApp}})["errcode"], 48006);
  sim_.clock().Advance(absl::Seconds(1));
  EXPECT_EQ(Call("clear_quota", {{"appid", kApp}})["errcode"], 0);
}

TEST_F(QuotaTest, ARidLeadsToItsCall) {
  const auto rid_of = [](const Json& answer) {
    const std::string text = answer["errmsg"];
    return text.substr(text.size() - 26);
  };
  const Json failed = sim_.Get("/wxa/checksession?access_token=" + token_);
  const Json found = Call("openapi/rid/get", {{"rid", rid_of(failed)}});
  EXPECT_EQ(found["request"]["request_url"], "/wxa/checksession");
  EXPECT_EQ(found["request"]["response_body"], failed.dump());
  EXPECT_EQ(found["request"]["invoke_time"],
            absl::ToUnixSeconds(sim_.clock().Now()));

  EXPECT_EQ(Call("openapi/rid/get", {{"rid", "x"}})["errcode"], 76002);
  EXPECT_EQ(Call("openapi/rid/get",
                 {{"rid", "00000000-00000000-00000000"}})["errcode"],
            76001);
  // Of /sns/, and of nobody known.
  for (const char* path : {"/sns/jscode2session", "/cgi-bin/token"})
    EXPECT_EQ(
        Call("openapi/rid/get", {{"rid", rid_of(sim_.Get(path))}})["errcode"],
        76003);

  sim_.clock().Advance(absl::Hours(7 * 24) + absl::Seconds(1));
  token_ = sim_.StableToken()["access_token"];
  EXPECT_EQ(Call("openapi/rid/get", {{"rid", rid_of(failed)}})["errcode"],
            76001);
}

TEST_F(QuotaTest, AddressesNeedATokenOnly) {
  for (const char* name : {"get_api_domain_ip", "getcallbackip"}) {
    const std::string path = absl::StrCat("/cgi-bin/", name);
    EXPECT_EQ(sim_.Get(path)["errcode"], 41001);
    EXPECT_EQ(sim_.Get(path + "?access_token=" + token_)["ip_list"].size(), 1u);
  }
}

}  // namespace
}  // namespace wxident::simulator

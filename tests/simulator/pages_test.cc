#include "simulator/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/strip.h"
#include "tests/simulator/harness.h"

namespace wxident::simulator {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kAccount[] = "wxaccount";
constexpr char kSite[] = "wxsite";
constexpr char kAnswered[] = "https://site.example/back?code=";

std::string Link(const std::string& app_id, const std::string& scope,
                 const std::string& rest = "&state=s7") {
  return absl::StrCat(
      app_id == kSite ? "/connect/qrconnect" : "/connect/oauth2/authorize",
      "?appid=", app_id, "&redirect_uri=https%3A%2F%2Fsite.example%2Fback",
      "&response_type=code&scope=", scope, rest);
}

std::string Location(const HttpReply& reply) {
  EXPECT_EQ(reply.status, 302) << reply.body;
  for (const auto& [name, value] : reply.headers)
    if (name == "Location") return value;
  return "";
}

class PagesTest : public testing::Test {
 protected:
  PagesTest() {
    sim_.MakeApp(kAccount, "official_account");
    sim_.MakeApp(kSite, "website");
  }

  HttpReply Visit(const std::string& link, const std::string& cookies = "") {
    return sim_.Send("GET", link, "", false, cookies);
  }
  HttpReply Press(const std::string& link, const std::string& form) {
    return sim_.Send("POST", link, form);
  }
  std::string Error(const std::string& link) {
    const HttpReply reply = Visit(link);
    EXPECT_EQ(reply.status, 200);
    EXPECT_THAT(reply.body, HasSubstr("<p id=\"error\">"));
    return reply.body;
  }
  // The code that a redirect takes home.
  std::string CodeIn(const HttpReply& reply) {
    const std::string location = Location(reply);
    absl::string_view code = location;
    EXPECT_TRUE(absl::ConsumePrefix(&code, kAnswered)) << location;
    return std::string(code.substr(0, code.find('&')));
  }

  Harness sim_;
};

TEST_F(PagesTest, TheFormNamesTheAppAndWhomThereIs) {
  sim_.Control("users", {{"app_id", kSite}, {"user", "alice"}});
  sim_.Control("users", {{"app_id", kSite}, {"user", "<b>ob"}});
  const HttpReply page = Visit(Link(kSite, "snsapi_login"));
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("<b id=\"app\">wxsite</b>"));
  EXPECT_THAT(page.body, HasSubstr("<b id=\"scope\">snsapi_login</b>"));
  EXPECT_THAT(page.body, HasSubstr("<option>alice</option>"));
  EXPECT_THAT(page.body, HasSubstr("<option>&lt;b&gt;ob</option>"));
}

TEST_F(PagesTest, AllowTakesACodeAndTheStateHome) {
  for (const auto& [app_id, scope] : {std::pair(kSite, "snsapi_login"),
                                      std::pair(kAccount, "snsapi_userinfo"),
                                      std::pair(kAccount, "snsapi_base")}) {
    const HttpReply reply =
        Press(Link(app_id, scope), "user=alice&another=&answer=allow");
    EXPECT_THAT(Location(reply), testing::EndsWith("&state=s7"));
    const Json tokens = sim_.ExchangeOauth(app_id, CodeIn(reply));
    EXPECT_EQ(tokens["scope"], scope);
    EXPECT_EQ(tokens["openid"],
              sim_.Control("users",
                           {{"app_id", app_id}, {"user", "alice"}})["openid"]);
  }
}

TEST_F(PagesTest, SomebodyElseMayComeInstead) {
  const std::string code =
      CodeIn(Press(Link(kSite, "snsapi_login"),
                   "user=alice&another=bob+the+new&answer=allow"));
  sim_.ExchangeOauth(kSite, code);
  EXPECT_EQ(sim_.Get("/_sim/journal?user=bob%20the%20new")["count"], 2);
}

TEST_F(PagesTest, AllowWithoutAUserShowsTheFormAgain) {
  const HttpReply reply =
      Press(Link(kSite, "snsapi_login"), "another=&answer=allow");
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr("id=\"allow\""));
}

TEST_F(PagesTest, ARefusalGoesHomeWithoutACodeOrNotAtAll) {
  const std::string link = Link(kSite, "snsapi_login");
  EXPECT_EQ(Location(Press(link, "user=alice&answer=refuse")),
            "https://site.example/back?state=s7");
  sim_.Control("settings", {{"refusal_redirects", false}});
  const HttpReply stays = Press(link, "user=alice&answer=refuse");
  EXPECT_EQ(stays.status, 200);
  EXPECT_THAT(stays.body, HasSubstr("<p id=\"refused\">"));
  EXPECT_EQ(sim_.Get("/_sim/state")["codes"], 0);
}

TEST_F(PagesTest, ASilentScopeNeedsNoPageOfAKnownVisitor) {
  const std::string link = Link(kAccount, "snsapi_base");
  EXPECT_THAT(Visit(link).body, HasSubstr("id=\"allow\""));
  EXPECT_THAT(Location(Visit(link, "a=b; sim_user=alice")),
              StartsWith(kAnswered));
  sim_.Control("settings", {{"page_user", "bob"}});
  EXPECT_THAT(Location(Visit(link)), StartsWith(kAnswered));
  EXPECT_EQ(sim_.Get("/_sim/journal?user=alice")["count"], 1);
  EXPECT_EQ(sim_.Get("/_sim/journal?user=bob")["count"], 1);
}

TEST_F(PagesTest, AKnownVisitorIsChosenAndAskedUnlessTold) {
  const std::string link = Link(kSite, "snsapi_login");
  EXPECT_THAT(Visit(link, "sim_user=%E7%88%B1").body,
              HasSubstr("<option selected>爱</option>"));
  sim_.Control("settings", {{"page_asks", false}});
  EXPECT_THAT(Location(Visit(link, "sim_user=alice")), StartsWith(kAnswered));
  EXPECT_EQ(Visit(link).status, 200);
}

TEST_F(PagesTest, RedirectsToRegisteredHostsOnly) {
  sim_.Control("apps", {{"app_id", kSite},
                        {"redirect_hosts", {"other.example", "127.0.0.1"}}});
  EXPECT_THAT(Error(Link(kSite, "snsapi_login")), HasSubstr("(10003)"));
  const auto link = [](const std::string& uri) {
    return absl::StrCat("/connect/qrconnect?appid=", kSite,
                        "&redirect_uri=", uri,
                        "&response_type=code&scope=snsapi_login");
  };
  EXPECT_THAT(Error(link("https://x.other.example/")), HasSubstr("(10003)"));
  EXPECT_THAT(Error(link("https://other.example%0d%0aa:b/")),
              HasSubstr("(10003)"));
  EXPECT_THAT(
      Location(Press(link("http://127.0.0.1:9/a?b=c%23d"),
                     "user=alice&answer=allow")),
      testing::MatchesRegex("http://127.0.0.1:9/a\\?b=c&code=.*&state=#d"));
}

TEST_F(PagesTest, RefusesABadLink) {
  EXPECT_THAT(Error(Link("wx9", "snsapi_base")), HasSubstr("(40013)"));
  EXPECT_THAT(Error(Link(kApp, "snsapi_base")), HasSubstr("(40013)"));
  EXPECT_THAT(Error(Link(kSite, "snsapi_base")), HasSubstr("(10005)"));
  EXPECT_THAT(Error(Link(kAccount, "snsapi_login")), HasSubstr("(10005)"));
  EXPECT_THAT(Error(Link(kAccount, "snsapi_base", "&state=a-b")),
              HasSubstr("(40035)"));
  EXPECT_THAT(
      Error(Link(kAccount, "snsapi_base", "&state=" + std::string(129, 'a'))),
      HasSubstr("(40035)"));
  sim_.Control("apps", {{"app_id", kAccount}, {"verified", false}});
  EXPECT_THAT(Error(Link(kAccount, "snsapi_base")), HasSubstr("(10005)"));
  sim_.Control("apps", {{"app_id", kAccount}, {"banned", true}});
  EXPECT_THAT(Error(Link(kAccount, "snsapi_base")), HasSubstr("(10004)"));
  const Json last = sim_.Get("/_sim/journal?limit=1")["calls"][0];
  EXPECT_EQ(last["outcome"], "errcode 10004");
  EXPECT_EQ(last["effect"], false);
}

TEST_F(PagesTest, WantsTheParametersInOrder) {
  const std::string swapped = absl::StrCat(
      "/connect/qrconnect?redirect_uri=https://site.example/&appid=", kSite,
      "&response_type=code&scope=snsapi_login&state=a");
  EXPECT_THAT(Error(swapped), HasSubstr("(40035)"));
  EXPECT_THAT(Error("/connect/qrconnect"), HasSubstr("(40035)"));
  EXPECT_THAT(Error(Link(kSite, "snsapi_login", "&self=1&state=a")),
              HasSubstr("(40035)"));
  EXPECT_THAT(Visit(Link(kSite, "snsapi_login", "&state=a&self=1")).body,
              HasSubstr("id=\"allow\""));
  sim_.Control("settings", {{"strict_page_order", false}});
  EXPECT_THAT(Visit(swapped).body, HasSubstr("id=\"allow\""));
}

TEST_F(PagesTest, ASnapshotMayBeForced) {
  const std::string code = CodeIn(
      Press(Link(kAccount, "snsapi_userinfo", "&state=s7&forceSnapShot=true"),
            "user=alice&answer=allow"));
  EXPECT_EQ(sim_.ExchangeOauth(kAccount, code)["is_snapshotuser"], 1);
}

TEST_F(PagesTest, TheJournalTellsWhoAndNotTheCode) {
  const std::string code =
      CodeIn(Press(Link(kSite, "snsapi_login"), "user=alice&answer=allow"));
  const Json journal = sim_.Get("/_sim/journal");
  EXPECT_EQ(journal["calls"][0], (Json{{"seq", 1},
                                       {"time", "2026-01-02T03:04:05.000Z"},
                                       {"method", "POST"},
                                       {"path", "/connect/qrconnect"},
                                       {"app_id", kSite},
                                       {"user", "alice"},
                                       {"outcome", "http 302"},
                                       {"http_status", 302},
                                       {"effect", true}}));
  EXPECT_THAT(journal.dump(), Not(HasSubstr(code)));
}

TEST_F(PagesTest, AFaultForAllStrikesNoPage) {
  sim_.Control("faults", {{"path", "*"}, {"errcode", -1}});
  EXPECT_THAT(Visit(Link(kSite, "snsapi_login")).body,
              HasSubstr("id=\"allow\""));
}

}  // namespace
}  // namespace wxident::simulator

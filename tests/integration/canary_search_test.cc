// That the search for secrets, which every test of whole processes ends with,
// finds one.

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/base64.h"
#include "tests/integration/canary.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

constexpr char kToken[] = "wxs1_abcdefghijklmnopqrstuvwxyz";

TEST(CanarySearchTest, FindsASecretWhereverItStands) {
  for (const std::string& text :
       {std::string(kToken), absl::StrCat("a\nb ", kToken),
        absl::StrCat(kToken, " a\nb"), absl::StrCat("a\n", kToken, "b\nc"),
        absl::StrCat(std::string("\0\0", 2), kToken)}) {
    Canary canary;
    canary.AddSecret("a token", kToken);
    canary.AddOutput("a log", text);
    const auto hits = canary.Search();
    ASSERT_EQ(hits.size(), 1u) << text;
    EXPECT_EQ(hits[0].kind, "a token");
    EXPECT_EQ(hits[0].place, "a log");
  }
}

TEST(CanarySearchTest, TellsTheLineAndNotTheSecret) {
  Canary canary;
  canary.AddSecret("a token", kToken);
  canary.AddOutput("a log", absl::StrCat("one\ntwo=", kToken, ", 2\nthree"));
  EXPECT_EQ(canary.Search().at(0).line, "two=<a token>, 2");
}

TEST(CanarySearchTest, FindsNothingWhereNothingIs) {
  Canary canary;
  canary.AddSecret("a token", kToken);
  canary.AddSecret("a name", "ada");
  canary.AddSecret("a phone number", "13580006666");
  canary.AddOutput("a log", std::string(kToken).substr(1));
  canary.AddOutput("a log", std::string(kToken, sizeof(kToken) - 2));
  canary.AddOutput("a log", "ada wxs1_abcdefghijklmnop 135800066667");
  canary.AddOutput("a log", "");
  EXPECT_TRUE(canary.Search().empty());
  canary.AddOutput("another", "+13580006666.");
  EXPECT_EQ(canary.Search().size(), 1u);
}

TEST(CanarySearchTest, FindsAKeyInAllItsForms) {
  const std::string bytes = "\x01-key-of-32-bytes-\xff-key-of-32-b";
  const std::string base64 = Base64Encode(bytes);
  const std::string hex = absl::BytesToHexString(bytes);
  for (const std::string& form : {bytes, base64, hex}) {
    Canary canary;
    canary.AddKey("a key", base64);
    canary.AddOutput("a log", form);
    EXPECT_EQ(canary.Search().size(), 1u) << form;
  }
}

TEST(CanarySearchTest, LearnsFromAnswers) {
  Canary canary;
  v1::GetUserInfoResponse answer;
  answer.mutable_identity()->set_openid("o_something_long");
  answer.mutable_user()->set_user_id("0190a0f2-0000-7000-8000-000000000000");
  canary.AddSecretsOf(answer);
  EXPECT_EQ(canary.secrets(), 1u);
  canary.AddOutput("a log", "o_something_long");
  EXPECT_EQ(canary.Search().at(0).kind, "a openid");
}

// The same through everything that a World sees to by itself.

TEST(CanaryWorldTest, ATokenInALogFileFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(
      {
        World world;
        Wxidentd server(world);
        std::ofstream(world.dir() + "/something.log")
            << LogIn(world, server, "anna").session_token();
        EXPECT_EQ(server.Stop(), 0);
      },
      "a session_token stands in");
}

TEST(CanaryWorldTest, AnOpenidInTheDatabasesLogFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(
      {
        World world;
        std::string openid =
            world.sim()
                .Call("users", {{"app_id", kMiniProgram}, {"user", "anna"}})
                .at("openid");
        EXPECT_THROW(world.Query("SELECT '" + openid + "'::int"),
                     pqxx::sql_error);
      },
      "one of WeChat's openids stands in PostgreSQL's log");
}

TEST(CanaryWorldTest, AnAppSecretInTheEnvironmentFailsTheTest) {
  EXPECT_NONFATAL_FAILURE(
      {
        World world;
        const auto server = Wxidentd::Launch(
            world, {}, {absl::StrCat("A_SECRET=", AppSecret(kMiniProgram))});
        server->WaitUntilListening();
        EXPECT_EQ(server->Stop(), 0);
      },
      "an app secret stands in wxidentd's environ");
}

}  // namespace
}  // namespace wxident

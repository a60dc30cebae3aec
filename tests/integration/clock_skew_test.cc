// A server whose wall clock is ten minutes slow: it says so, and what WeChat
// encrypts, which to it comes from the future, opens all the same.

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/integration/faketime.h"
#include "tests/integration/http_get.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

// That of a real server; a World's has none, for its samples are old.
constexpr char kMaxAge[] = "--open-data-max-age=24h";

grpc::Status OpenPhone(World& world, Wxidentd& server,
                       const v1::LoginResponse& login) {
  const nlohmann::json data = world.sim().Call(
      "encrypt",
      {{"app_id", kMiniProgram}, {"user", "ann"}, {"payload", "phone"}});
  v1::DecryptPhoneRequest request;
  request.set_session_token(login.session_token());
  request.mutable_encrypted()->set_encrypted_data(
      data.at("encrypted_data").get<std::string>());
  request.mutable_encrypted()->set_iv(data.at("iv").get<std::string>());
  v1::DecryptPhoneResponse phone;
  return server.stub().DecryptPhone(Within().get(), request, &phone);
}

TEST(ClockSkewTest, ASlowServerSaysSoAndOpensWhatIsNew) {
  World world;
  const std::unique_ptr<Wxidentd> server =
      Wxidentd::Launch(world, {kMaxAge}, WallClockAhead(-10));
  server->WaitUntilListening();
  // Before WeChat has told it anything it has the database's clock.
  ASSERT_TRUE(
      server->process().WaitForLine("\"against\":\"database\"").has_value());
  const v1::LoginResponse login = LogIn(world, *server, "ann");
  const std::string line =
      *server->process().WaitForLine("\"against\":\"wechat\"");
  EXPECT_TRUE(absl::StrContains(line, "\"event\":\"clock_skew\"")) << line;
  EXPECT_TRUE(absl::StrContains(line, "\"skew\":\"-")) << line;
  const std::string metrics =
      HttpGet(
          absl::StrCat("http://127.0.0.1:", server->metrics_port(), "/metrics"),
          absl::Seconds(10))
          .value_or("");
  for (const char* against : {"wechat", "database"})
    EXPECT_TRUE(absl::StrContains(
        metrics, absl::StrCat("wxident_clock_skew_seconds{against=\"", against,
                              "\"} -")))
        << metrics;

  const grpc::Status opened = OpenPhone(world, *server, login);
  EXPECT_TRUE(opened.ok()) << opened.error_message();
  EXPECT_EQ(server->Stop(), 0);
}

TEST(ClockSkewTest, AGoodClockSaysNothing) {
  World world;
  Wxidentd server(world, {kMaxAge});
  const v1::LoginResponse login = LogIn(world, server, "ann");
  EXPECT_TRUE(OpenPhone(world, server, login).ok());
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_FALSE(absl::StrContains(server.process().log(), "clock_skew"));
}

}  // namespace
}  // namespace wxident

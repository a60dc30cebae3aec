// The policy file of a running server.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/cli/exit_codes.h"
#include "tests/integration/http_get.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

class PolicyReloadTest : public testing::Test {
 protected:
  void Write(const std::string& text) { std::ofstream(file_) << text; }
  // loopback may read tokens of these apps.
  static std::string Allowing(const std::string& apps) {
    return absl::StrCat(
        "allow:\n- caller: loopback\n  methods: [GetAccessToken, "
        "WatchAccessToken, GetAppStatus]\n  apps: [",
        apps, "]\n");
  }

  static std::string Ask(Wxidentd& server, const std::string& app) {
    v1::GetAccessTokenRequest request;
    request.set_app_id(app);
    v1::GetAccessTokenResponse response;
    return ReasonOf(
        server.stub().GetAccessToken(Within().get(), request, &response));
  }
  static std::string AskAdmin(Wxidentd& server, const std::string& app) {
    v1::GetAppStatusRequest request;
    request.set_app_id(app);
    v1::GetAppStatusResponse response;
    return ReasonOf(
        server.admin().GetAppStatus(Within().get(), request, &response));
  }

  // Looks until it is so, for at most a minute.
  template <typename Condition>
  static bool Comes(const Condition& condition) {
    const auto give_up =
        std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }
  static bool HasFailed(Wxidentd& server, int times) {
    const std::string metrics =
        HttpGet(absl::StrCat("http://127.0.0.1:", server.metrics_port(),
                             "/metrics"),
                absl::Seconds(10))
            .value_or("");
    return absl::StrContains(
        metrics, absl::StrCat("wxident_reload_failures_total{what=\"policy\"} ",
                              times, "\n"));
  }

  World world_;
  const std::string file_ = world_.dir() + "/policy.yaml";
  const std::vector<std::string> flags_ = {"--access-policy-file", file_};
};

TEST_F(PolicyReloadTest, ABadFileLeavesTheOldPolicy) {
  Write(Allowing(kMiniProgram));
  Wxidentd server(world_, flags_);
  const auto expect_as_before = [&] {
    EXPECT_EQ(Ask(server, kMiniProgram), "");
    EXPECT_EQ(AskAdmin(server, kMiniProgram), "");
    EXPECT_EQ(Ask(server, kOfficialAccount), "CALLER_NOT_ALLOWED");
    EXPECT_EQ(AskAdmin(server, kOfficialAccount), "CALLER_NOT_ALLOWED");
  };
  expect_as_before();

  int failures = 0;
  const auto expect_failure = [&] {
    server.process().Signal(SIGHUP);
    ++failures;
    EXPECT_TRUE(Comes([&] { return HasFailed(server, failures); }));
    expect_as_before();
  };
  Write(Allowing("wx9999999999999999"));
  expect_failure();
  Write("");
  expect_failure();
  Write("allow: [");
  expect_failure();
  // A policy of anybody's making.
  Write(Allowing(kOfficialAccount));
  chmod(file_.c_str(), 0666);
  expect_failure();
  unlink(file_.c_str());
  expect_failure();
  const std::string log = server.process().log();
  EXPECT_TRUE(absl::StrContains(log, "unknown app wx9999999999999999"));
  EXPECT_TRUE(absl::StrContains(log, "everybody may change the file"));
  EXPECT_TRUE(absl::StrContains(log, "the old one stays"));

  Write(Allowing(kOfficialAccount));
  server.process().Signal(SIGHUP);
  EXPECT_TRUE(Comes([&] { return Ask(server, kOfficialAccount).empty(); }));
  EXPECT_EQ(Ask(server, kMiniProgram), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(AskAdmin(server, kMiniProgram), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(PolicyReloadTest, ANewPolicyEndsTheStreamsItDoesNotAllow) {
  Write(Allowing(absl::StrCat(kMiniProgram, ", ", kOfficialAccount)));
  Wxidentd server(world_, flags_);
  v1::WatchAccessTokenRequest request;
  v1::WatchAccessTokenResponse token;
  const auto mini_context = Within(absl::Minutes(1));
  request.set_app_id(kMiniProgram);
  const auto mini = server.stub().WatchAccessToken(mini_context.get(), request);
  ASSERT_TRUE(mini->Read(&token));
  const auto official_context = Within(absl::Minutes(1));
  request.set_app_id(kOfficialAccount);
  const auto official =
      server.stub().WatchAccessToken(official_context.get(), request);
  ASSERT_TRUE(official->Read(&token));

  Write(Allowing(kOfficialAccount));
  server.process().Signal(SIGHUP);
  EXPECT_FALSE(mini->Read(&token));
  EXPECT_EQ(ReasonOf(mini->Finish()), "CALLER_NOT_ALLOWED");
  // The other one goes on until the server stops.
  server.Terminate();
  EXPECT_FALSE(official->Read(&token));
  EXPECT_TRUE(official->Finish().ok());
}

TEST_F(PolicyReloadTest, RowsThatOnlyDenyAreNamed) {
  const auto rows = [](const std::string& more) {
    return Allowing(kMiniProgram) + more;
  };
  Write(
      rows(absl::StrCat("- caller: loopback\n  methods: [ListApps]\n  apps: [",
                        kMiniProgram, "]\n")));
  const std::string named =
      "allow[1] (loopback) only denies: what spans all apps";
  const RunResult checked = RunWxidentd(
      {"check-config", "--config", world_.config_file(), flags_[0], flags_[1]});
  EXPECT_EQ(checked.code, 0) << checked.output;
  EXPECT_TRUE(absl::StrContains(checked.output, named)) << checked.output;
  EXPECT_TRUE(absl::StrContains(checked.output, "the configuration is good"));

  Wxidentd server(world_, flags_);
  EXPECT_TRUE(absl::StrContains(server.process().log(), named));
  Write(rows("- {caller: spiffe://corp/a, methods: [Login], apps: ['*']}\n"));
  server.process().Signal(SIGHUP);
  EXPECT_TRUE(server.process()
                  .WaitForLine("allow[1] (spiffe://corp/a) only denies")
                  .has_value());
  EXPECT_EQ(server.Stop(), 0);
}

TEST_F(PolicyReloadTest, NoServerStartsWithABadPolicy) {
  Write("allow:\n- caller: loopback\n  methods: [Logn]\n  apps: [\"*\"]\n");
  const auto server = Wxidentd::Launch(world_, flags_, {});
  EXPECT_EQ(server->process().Wait(), kExitConfig);
  const std::string log = server->process().log();
  EXPECT_TRUE(absl::StrContains(log, "access.policy_file"));
  EXPECT_TRUE(absl::StrContains(log, "allow[0].methods (line 3)"));
  EXPECT_TRUE(absl::StrContains(log, "did you mean Login?"));
}

}  // namespace
}  // namespace wxident

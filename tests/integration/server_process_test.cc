// The server as a process: exit codes, signals, health.

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/version.h"
#include "server/cli/exit_codes.h"
#include "server/rpc/grpc/health/v1/health.grpc.pb.h"
#include "tests/base/own_channel.h"
#include "tests/integration/http_get.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

RunResult Healthcheck(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "healthcheck");
  return RunWxidentd(std::move(arguments));
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A health service's stream of answers.
class HealthWatch {
 public:
  explicit HealthWatch(const std::string& addr,
                       const std::string& service = "") {
    HealthCheckRequest request;
    request.set_service(service);
    stub_ = grpc::health::v1::Health::NewStub(
        grpc::CreateChannel(addr, grpc::InsecureChannelCredentials()));
    reader_ = stub_->Watch(context_.get(), request);
  }
  ~HealthWatch() { context_->TryCancel(); }

  // Waits until the status is `wanted`; false when the stream ends before.
  bool WaitFor(HealthCheckResponse::ServingStatus wanted) {
    HealthCheckResponse response;
    while (reader_->Read(&response))
      if (response.status() == wanted) return true;
    return false;
  }

 private:
  std::unique_ptr<grpc::ClientContext> context_ = Within(absl::Minutes(1));
  std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

class ServerProcessTest : public testing::Test {
 protected:
  RunResult Serve(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"serve", "--config", world_.config_file()});
    return RunWxidentd(std::move(flags));
  }

  World world_;
};

TEST_F(ServerProcessTest, ABadConfigIsNamedBeforeAnythingListens) {
  const std::string open_secret = world_.dir() + "/open.keys";
  std::ofstream(open_secret) << "1 AAAA\n";
  chmod(open_secret.c_str(), 0644);
  const std::string unknown_key = world_.dir() + "/unknown.yaml";
  {
    std::ofstream out(unknown_key);
    out << std::ifstream(world_.config_file()).rdbuf() << "grcp:\n  addr: x\n";
  }

  struct Case {
    std::vector<std::string> flags;
    std::string named;
  };
  const std::vector<Case> cases = {
      {{"--config", unknown_key}, "grcp"},
      {{"--config", world_.dir() + "/absent.yaml"}, "absent.yaml"},
      {{"--config", world_.config_file(),
        "--wechat-base-urls=http://127.0.0.1:1"},
       "wechat.base_urls"},
      {{"--config", world_.config_file(), "--keys-ring-file", open_secret},
       "keys.ring_file"},
      {{"--config", world_.config_file(), "--wechat-ca-file=/absent/ca.pem"},
       "wechat.ca_file"},
      {{"--config", world_.config_file(), "--grpc-adr=127.0.0.1:0"},
       "--grpc-adr"},
  };
  for (const char* command : {"serve", "check-config"}) {
    for (const Case& bad : cases) {
      std::vector<std::string> arguments = {command};
      arguments.insert(arguments.end(), bad.flags.begin(), bad.flags.end());
      const RunResult outcome = RunWxidentd(std::move(arguments));
      EXPECT_EQ(outcome.code, kExitConfig) << command << " " << bad.named;
      EXPECT_TRUE(Holds(outcome.output, bad.named)) << outcome.output;
      EXPECT_FALSE(Holds(outcome.output, "listening")) << outcome.output;
    }
  }
}

TEST_F(ServerProcessTest, CommandsThatServeNothing) {
  RunResult outcome =
      RunWxidentd({"check-config", "--config", world_.config_file()});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(Holds(outcome.output, "the configuration is good"))
      << outcome.output;

  for (const char* argument : {"version", "--version"}) {
    outcome = RunWxidentd({argument});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.output, absl::StrCat("wxidentd ", Version(), " (commit ",
                                           Commit(), ")\n"));
  }

  outcome = RunWxidentd({"--help"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* part :
       {"--grpc-addr", "WXIDENT_DATABASE_WORKERS", "Default: 8 connections",
        "keys.ring_file", "Required."})
    EXPECT_TRUE(Holds(outcome.output, part)) << part;

  outcome = RunWxidentd({"sreve"});
  EXPECT_EQ(outcome.code, kExitUsage);
  EXPECT_TRUE(Holds(outcome.output, "sreve"));
}

TEST_F(ServerProcessTest, ASchemaThatDoesNotFitNamesTheCommand) {
  const std::string version =
      world_.Query("SELECT max(version) FROM schema_migrations");
  for (const char* change :
       {"ALTER TABLE schema_migrations RENAME TO elsewhere",
        "ALTER TABLE elsewhere RENAME TO schema_migrations;"
        "DELETE FROM schema_migrations;"
        "INSERT INTO schema_migrations (version) VALUES ('20000101000000')",
        "UPDATE schema_migrations SET version = '99991231235959'",
        "DELETE FROM schema_migrations"}) {
    world_.Query(change);
    const RunResult outcome = Serve({});
    EXPECT_EQ(outcome.code, kExitConfig) << change;
    EXPECT_TRUE(Holds(outcome.output, "dbmate --migrations-dir migrations"))
        << outcome.output;
    EXPECT_FALSE(Holds(outcome.output, "listening"));
  }
  world_.Query(absl::StrCat("INSERT INTO schema_migrations (version) VALUES ('",
                            version, "')"));
  Wxidentd server(world_);
  EXPECT_EQ(server.Stop(), 0);
}

// A release may be rolled back as long as what was migrated allows it.
TEST_F(ServerProcessTest, ALaterSchemaThatAllowsThisServerIsServed) {
  const std::string version =
      world_.Query("SELECT max(version) FROM schema_migrations");
  world_.Query(absl::StrCat(
      "ALTER TABLE users ADD COLUMN later text;"
      "INSERT INTO schema_migrations VALUES ('99990101000000');"
      "INSERT INTO schema_compatibility VALUES ('99990101000000', '",
      version, "')"));
  Wxidentd server(world_);
  EXPECT_TRUE(IsActive(server, LogIn(world_, server, "ann").session_token()));
  EXPECT_EQ(server.Stop(), 0);

  world_.Query(
      "INSERT INTO schema_migrations VALUES ('99990102000000');"
      "INSERT INTO schema_compatibility VALUES ('99990102000000',"
      " '99990101000000')");
  const RunResult outcome = Serve({});
  EXPECT_EQ(outcome.code, kExitConfig);
  EXPECT_TRUE(
      Holds(outcome.output, "run a server made for 99990101000000 or later"))
      << outcome.output;
  EXPECT_FALSE(Holds(outcome.output, "listening"));
}

TEST_F(ServerProcessTest, WhatCannotBeHadIsTold) {
  Wxidentd first(world_);
  RunResult outcome = Serve({"--grpc-addr", first.addr()});
  EXPECT_EQ(outcome.code, kExitUnavailable);
  EXPECT_TRUE(Holds(outcome.output, first.addr())) << outcome.output;

  outcome = Serve({"--metrics-addr=127.0.0.1:" + first.metrics_port()});
  EXPECT_EQ(outcome.code, kExitUnavailable);
  EXPECT_TRUE(Holds(outcome.output, first.metrics_port())) << outcome.output;

  outcome =
      Serve({"--database-url=postgresql://wxident@127.0.0.1:1/wxident"
             "?sslmode=disable"});
  EXPECT_EQ(outcome.code, kExitUnavailable);
  EXPECT_TRUE(Holds(outcome.output, "database.url")) << outcome.output;
  EXPECT_EQ(first.Stop(), 0);
}

TEST_F(ServerProcessTest, AMetricNamesWhatRuns) {
  Wxidentd server(world_);
  const std::string metrics =
      HttpGet(
          absl::StrCat("http://127.0.0.1:", server.metrics_port(), "/metrics"),
          absl::Seconds(20))
          .value_or("");
  EXPECT_TRUE(Holds(metrics, "wxident_build_info{")) << metrics;
  EXPECT_TRUE(Holds(metrics, absl::StrCat("version=\"", Version(), "\"")));
  EXPECT_TRUE(Holds(metrics, absl::StrCat("commit=\"", Commit(), "\"")));
}

TEST_F(ServerProcessTest, HealthcheckTellsByItsExitCode) {
  Wxidentd server(world_);
  for (const std::string& addr : {server.addr(), server.admin_addr()}) {
    EXPECT_EQ(Healthcheck({"--addr", addr, "--timeout=10s"}).code, 0);
    EXPECT_EQ(Healthcheck({"--addr", addr, "--timeout=10s", "--service",
                           "wxident.v1.IdentityService"})
                  .code,
              0);
    EXPECT_EQ(
        Healthcheck({"--addr", addr, "--timeout=10s", "--service=none.of.ours"})
            .code,
        3);
  }
  EXPECT_EQ(Healthcheck({"--adr", server.addr()}).code, 1);
  EXPECT_EQ(Healthcheck({"--timeout=soon"}).code, 1);
  EXPECT_EQ(Healthcheck({"--tls-ca-file=/absent"}).code, 1);
  const std::string addr = server.addr();
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_EQ(Healthcheck({"--addr", addr, "--timeout=300ms"}).code, 2);
}

TEST_F(ServerProcessTest, CallsGoOnDuringTheDrainDelay) {
  Wxidentd server(world_, {"--shutdown-drain-delay=4s"});
  Clock::time_point asked;
  {
    HealthWatch health(server.addr());
    HealthWatch of_service(server.addr(), "wxident.v1.IdentityService");
    ASSERT_TRUE(health.WaitFor(HealthCheckResponse::SERVING));
    ASSERT_TRUE(of_service.WaitFor(HealthCheckResponse::SERVING));
    asked = Clock::now();
    server.process().Signal(SIGTERM);
    ASSERT_TRUE(health.WaitFor(HealthCheckResponse::NOT_SERVING));
    EXPECT_TRUE(of_service.WaitFor(HealthCheckResponse::NOT_SERVING));
    EXPECT_EQ(Healthcheck({"--addr", server.addr(), "--timeout=10s"}).code, 4);
    // A connection of its own, made after the announcement.
    const auto stub = v1::IdentityService::NewStub(OwnChannel(server.addr()));
    v1::LoginResponse response;
    const grpc::Status status =
        Login(*stub, world_.sim().LoginCode(kMiniProgram, "late"), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    // Here the connections end; the stop would wait for idle ones too, until
    // they answer its ping.
  }
  EXPECT_EQ(server.process().Wait(), 0);
  EXPECT_GE(Clock::now() - asked, std::chrono::seconds(4));
  EXPECT_LT(Clock::now() - asked, std::chrono::seconds(15))
      << server.process().log();
}

TEST_F(ServerProcessTest, AnOpenStreamHoldsTheStopNoLongerThanItsTimeout) {
  Wxidentd server(world_, {"--shutdown-timeout=2s"});
  HealthWatch health(server.addr());
  ASSERT_TRUE(health.WaitFor(HealthCheckResponse::SERVING));
  const Clock::time_point asked = Clock::now();
  EXPECT_EQ(server.Stop(), 0);
  EXPECT_LT(Clock::now() - asked, std::chrono::seconds(15));
}

TEST_F(ServerProcessTest, ASecondSignalEndsItAtOnce) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Wxidentd server(world_,
                    {"--shutdown-drain-delay=20s", "--shutdown-timeout=5s"});
    server.process().Signal(signal);
    ASSERT_TRUE(server.process().WaitForLine("\"draining\"").has_value());
    const Clock::time_point again = Clock::now();
    server.process().Signal(SIGTERM);
    EXPECT_EQ(server.process().Wait(), 128 + SIGTERM);
    EXPECT_LT(Clock::now() - again, std::chrono::seconds(10));
  }
}

TEST_F(ServerProcessTest, ReadinessFollowsTheDatabase) {
  Wxidentd server(world_, {"--shutdown-timeout=1s"});
  HealthWatch health(server.addr());
  ASSERT_TRUE(health.WaitFor(HealthCheckResponse::SERVING));
  world_.Query("ALTER DATABASE wxident CONNECTION LIMIT 0");
  world_.Query(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE datname = 'wxident' AND pid <> pg_backend_pid()");
  const Clock::time_point away = Clock::now();
  ASSERT_TRUE(health.WaitFor(HealthCheckResponse::NOT_SERVING));
  // Five seconds without an answer, a second between looks.
  EXPECT_LT(Clock::now() - away, std::chrono::seconds(9));

  world_.Query("ALTER DATABASE wxident CONNECTION LIMIT -1");
  const Clock::time_point back = Clock::now();
  ASSERT_TRUE(health.WaitFor(HealthCheckResponse::SERVING));
  EXPECT_LT(Clock::now() - back, std::chrono::seconds(6));
  EXPECT_EQ(server.Stop(), 0);
}

}  // namespace
}  // namespace wxident

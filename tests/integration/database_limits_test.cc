// A database that gives few connections, or takes no writes.

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/rpc/grpc/health/v1/health.grpc.pb.h"
#include "tests/base/own_channel.h"
#include "tests/integration/login_load.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;
using grpc::health::v1::HealthCheckResponse;

class DatabaseLimitsTest : public testing::Test {
 protected:
  void Superuser(const std::string& sql) {
    EXPECT_TRUE(world_.postgres().Superuser(sql).ok()) << sql;
  }
  static HealthCheckResponse::ServingStatus Health(Wxidentd& server) {
    const auto stub = grpc::health::v1::Health::NewStub(
        grpc::CreateChannel(server.addr(), grpc::InsecureChannelCredentials()));
    HealthCheckResponse response;
    const grpc::Status status = stub->Check(Within().get(), {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  }
  // How long it took until health said so.
  static double AwaitHealth(Wxidentd& server,
                            HealthCheckResponse::ServingStatus wanted) {
    const Clock::time_point began = Clock::now();
    while (Health(server) != wanted && SecondsSince(began) < 60)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(Health(server), wanted);
    return SecondsSince(began);
  }

  World world_;
};

TEST_F(DatabaseLimitsTest, ThreeConnectionsOrOneServeEverybody) {
  for (const int most : {3, 1}) {
    Superuser(
        absl::StrCat("ALTER ROLE wxident_server CONNECTION LIMIT ", most));
    Wxidentd server(world_);
    LoginLoad load(world_, server, 2000);
    load.AwaitAll();
    // A busy machine may keep a statement waiting for seconds.
    EXPECT_LT(load.failures().size(), 40u) << most;
    EXPECT_EQ(Health(server), HealthCheckResponse::SERVING);
    load.ExpectNoneLost(server);
    EXPECT_EQ(server.Stop(), 0);
  }
}

TEST_F(DatabaseLimitsTest, WithoutAConnectionTheCauseIsSaid) {
  Wxidentd server(world_);
  Superuser("ALTER ROLE wxident_server CONNECTION LIMIT 0");
  world_.Query(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
      "WHERE usename = 'wxident_server'");
  const auto line = server.process().WaitForLine("database_unreachable");
  ASSERT_TRUE(line.has_value());
  EXPECT_NE(line->find("53300"), std::string::npos) << *line;
  AwaitHealth(server, HealthCheckResponse::NOT_SERVING);
  Superuser("ALTER ROLE wxident_server CONNECTION LIMIT -1");
  std::cout << "serving after "
            << AwaitHealth(server, HealthCheckResponse::SERVING) << " s"
            << std::endl;
  EXPECT_TRUE(
      server.process().WaitForLine("database_reachable_again").has_value());
}

TEST_F(DatabaseLimitsTest, AReadOnlyDatabaseIsReadAndNotReady) {
  Wxidentd server(world_);
  const v1::LoginResponse login = LogIn(world_, server, "reader");
  const auto connections = [&] {
    world_.Query("SELECT pg_stat_clear_snapshot()");
    return world_.Count(
        "SELECT sessions FROM pg_stat_database WHERE datname = 'wxident'");
  };
  // For sessions that there are and for new ones; then for new ones alone.
  for (const char* const how : {"SYSTEM", "ROLE wxident_server"}) {
    Superuser(absl::StrCat("ALTER ", how,
                           " SET default_transaction_read_only = on;\n"
                           "SELECT pg_reload_conf()"));
    if (std::string(how) != "SYSTEM")
      world_.Query(
          "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
          "WHERE usename = 'wxident_server'");
    const Clock::time_point began = Clock::now();
    const int before = connections();
    v1::LoginResponse ignored;
    const std::string code =
        world_.sim().LoginCode(kMiniProgram, absl::StrCat("writer ", how));
    int failed = 0;
    while (SecondsSince(began) < 8) {
      const grpc::Status status = Login(server.stub(), code, &ignored);
      if (!status.ok()) {
        EXPECT_EQ(ReasonOf(status), "STORE_UNAVAILABLE");
        ++failed;
      }
      EXPECT_TRUE(IsActive(server, login.session_token()));
    }
    EXPECT_GT(failed, 0);
    EXPECT_EQ(Health(server), HealthCheckResponse::NOT_SERVING);
    // One probe in a second or less, and the connections that replace the old.
    const int made = connections() - before;
    std::cout << made << " connections in " << SecondsSince(began) << " s"
              << std::endl;
    EXPECT_LE(made, 3 * SecondsSince(began) + 8);

    Superuser(absl::StrCat("ALTER ", how,
                           " RESET default_transaction_read_only;\n"
                           "SELECT pg_reload_conf()"));
    const Clock::time_point back = Clock::now();
    while (!Login(server.stub(), code, &ignored).ok() &&
           SecondsSince(back) < 30)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::cout << "a login " << SecondsSince(back) << " s after it is writable"
              << std::endl;
    EXPECT_LT(SecondsSince(back), 10);
    AwaitHealth(server, HealthCheckResponse::SERVING);
    std::cout << "serving " << SecondsSince(back) << " s after" << std::endl;
    EXPECT_LT(SecondsSince(back), 10);
  }
  EXPECT_NE(server.process().log().find("database_read_only"),
            std::string::npos);
  EXPECT_NE(server.process().log().find("database_writable_again"),
            std::string::npos);
}

}  // namespace
}  // namespace wxident

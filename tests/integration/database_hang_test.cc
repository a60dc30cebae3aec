// A database that does not answer: whole or in part, for a while or for good.

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/login_load.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPeople = 2500;
// What has to be quick is given that much on a busy machine.
constexpr double kQuick = 1.5;

// Once the server has noticed, nobody waits for the database in vain.
void ExpectQuickFailures(const LoginLoad& load, Clock::time_point noticed) {
  int all = 0, slow = 0;
  for (const LoginLoad::Failure& failure : load.failures()) {
    EXPECT_EQ(failure.reason, "STORE_UNAVAILABLE") << failure.code;
    if (failure.began < noticed) continue;
    ++all;
    slow += failure.seconds > kQuick;
  }
  std::cout << slow << " of " << all << " failures took more than " << kQuick
            << " s" << std::endl;
  // A probe at a time may take as long as the database has.
  EXPECT_LE(slow, all / 20 + 16);
}

class DatabaseHangTest : public testing::Test {
 protected:
  DatabaseHangTest() : world_(PrivatePostgres::Durability::kFull) {}

  // A standby that commits wait for.
  std::unique_ptr<PrivatePostgres> SynchronousStandby() {
    auto standby = world_.postgres().StartStandby();
    EXPECT_TRUE(standby.ok()) << standby.status();
    EXPECT_TRUE(world_.postgres()
                    .Superuser("ALTER SYSTEM SET synchronous_standby_names = "
                               "'standby';\nSELECT pg_reload_conf()")
                    .ok());
    AwaitQuery(
        "SELECT count(*) > 0 FROM pg_stat_replication "
        "WHERE sync_state = 'sync'");
    return *std::move(standby);
  }
  void AwaitQuery(const std::string& sql) {
    const Clock::time_point began = Clock::now();
    while (world_.Query(sql) != "t") {
      ASSERT_LT(SecondsSince(began), 60) << sql;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  int Connections() {
    return world_.Count(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE usename = 'wxident_server'");
  }
  // Reads that must be answered: ValidateSession and GetUser; the slowest.
  double SlowestRead(Wxidentd& server, const v1::LoginResponse& login) {
    double slowest = 0;
    for (int i = 0; i < 20; ++i) {
      const Clock::time_point began = Clock::now();
      EXPECT_TRUE(IsActive(server, login.session_token()));
      v1::GetUserRequest ask;
      ask.set_user_id(login.user().user_id());
      v1::GetUserResponse answer;
      const grpc::Status status =
          server.stub().GetUser(Within().get(), ask, &answer);
      EXPECT_TRUE(status.ok()) << status.error_message();
      slowest = std::max(slowest, SecondsSince(began));
    }
    return slowest;
  }

  World world_;
};

TEST_F(DatabaseHangTest, BackendsThatStopAreLeftBehind) {
  Wxidentd server(world_);
  const v1::LoginResponse login = LogIn(world_, server, "reader");
  {
    LoginLoad warm(world_, server, 300);
    warm.AwaitAll();
  }
  std::cout << Connections() << " backends stop" << std::endl;
  // While they hold no lock, by which they would stop all others as well.
  world_.postgres().SignalServing(SIGSTOP);
  const Clock::time_point stopped = Clock::now();
  LoginLoad load(world_, server, kPeople);
  load.AwaitLogins(100);
  std::cout << "logins come after " << SecondsSince(stopped) << " s"
            << std::endl;
  EXPECT_LT(SecondsSince(stopped), 20);
  SlowestRead(server, login);
  load.AwaitAll();
  world_.postgres().SignalServing(SIGCONT);
  load.ExpectNoneLost(server);
}

TEST_F(DatabaseHangTest, BackendsThatStopWhileTheyWriteGoOn) {
  Wxidentd server(world_);
  LoginLoad load(world_, server, kPeople);
  load.AwaitLogins(500);
  world_.postgres().SignalServing(SIGSTOP);
  const Clock::time_point stopped = Clock::now();
  // Some hold locks that all others need, or none does, and new connections
  // serve.
  load.AwaitFailures(1);
  std::this_thread::sleep_until(stopped + std::chrono::seconds(12));
  world_.postgres().SignalServing(SIGCONT);
  const Clock::time_point back = Clock::now();
  load.AwaitLogins(100);
  std::cout << "logins go on " << SecondsSince(back) << " s after them"
            << std::endl;
  EXPECT_LT(SecondsSince(back), 10);
  load.AwaitAll();
  ExpectQuickFailures(load, stopped + std::chrono::seconds(10));
  load.ExpectNoneLost(server);
}

TEST_F(DatabaseHangTest, AStandbyTakesOverFromAPrimaryThatHangs) {
  auto standby = SynchronousStandby();
  const std::string url = absl::StrCat(
      "postgresql://wxident_server@127.0.0.1:", world_.postgres().port(),
      ",127.0.0.1:", standby->port(),
      "/wxident?sslmode=disable&target_session_attrs=read-write");
  {
    Wxidentd server(world_, {"--database-url", url});
    LoginLoad load(world_, server, kPeople);
    load.AwaitLogins(1000);
    world_.postgres().Signal(SIGSTOP);
    const Clock::time_point stopped = Clock::now();
    load.AwaitFailures(200);
    std::cout << "200 calls had failed after " << SecondsSince(stopped) << " s"
              << std::endl;
    ASSERT_TRUE(standby->Promote().ok());
    const Clock::time_point promoted = Clock::now();
    load.AwaitLogins(1);
    std::cout << "a login " << SecondsSince(promoted)
              << " s after the promotion" << std::endl;
    EXPECT_LT(SecondsSince(promoted), 15);
    load.AwaitAll();
    ExpectQuickFailures(load, stopped + std::chrono::seconds(7));
    load.ExpectNoneLost(server);
    EXPECT_EQ(server.Stop(), 0);
  }
  world_.postgres().Signal(SIGCONT);
}

TEST_F(DatabaseHangTest, APrimaryThatHungGoesOn) {
  Wxidentd server(world_);
  LoginLoad load(world_, server, kPeople);
  load.AwaitLogins(500);
  world_.postgres().Signal(SIGSTOP);
  const Clock::time_point stopped = Clock::now();
  load.AwaitFailures(200);
  // So long that whoever tries to connect has been heard in vain.
  std::this_thread::sleep_until(stopped + std::chrono::seconds(9));
  world_.postgres().Signal(SIGCONT);
  const Clock::time_point back = Clock::now();
  load.AwaitLogins(1);
  std::cout << "a login " << SecondsSince(back) << " s after it goes on"
            << std::endl;
  EXPECT_LT(SecondsSince(back), 10);
  load.AwaitAll();
  ExpectQuickFailures(load, stopped + std::chrono::seconds(7));
  load.ExpectNoneLost(server);
}

TEST_F(DatabaseHangTest, ReadsGoOnWithoutTheSynchronousStandby) {
  auto standby = SynchronousStandby();
  Wxidentd server(world_);
  const v1::LoginResponse login = LogIn(world_, server, "reader");
  LoginLoad load(world_, server, kPeople);
  load.AwaitLogins(500);
  standby->Signal(SIGSTOP);
  const Clock::time_point stopped = Clock::now();
  double slowest = 0;
  int connections = 0;
  while (SecondsSince(stopped) < 15) {
    slowest = std::max(slowest, SlowestRead(server, login));
    connections = std::max(connections, Connections());
  }
  std::cout << "the slowest read took " << slowest << " s, with " << connections
            << " connections" << std::endl;
  EXPECT_LT(slowest, 3);
  // Eight, and five of which nobody knows.
  EXPECT_LE(connections, 8 + 8);
  ExpectQuickFailures(load, stopped + std::chrono::seconds(10));

  standby->Signal(SIGCONT);
  const Clock::time_point back = Clock::now();
  load.AwaitLogins(100);
  std::cout << "logins go on " << SecondsSince(back) << " s after the standby"
            << std::endl;
  EXPECT_LT(SecondsSince(back), 10);
  load.AwaitAll();
  load.ExpectNoneLost(server);
  EXPECT_NE(server.process().log().find("database_hangs"), std::string::npos);
  EXPECT_NE(server.process().log().find("database_answers_again"),
            std::string::npos);
}

TEST_F(DatabaseHangTest, ACommitThatWasNotReplicatedIsNotAcknowledged) {
  auto standby = SynchronousStandby();
  Wxidentd server(world_);
  LogIn(world_, server, "somebody");
  standby->Signal(SIGSTOP);
  const std::string code = world_.sim().LoginCode(kMiniProgram, "hasty");
  grpc::Status status;
  std::thread caller([&] {
    v1::LoginResponse response;
    status = Login(server.stub(), code, &response);
  });
  // PostgreSQL takes a wait that is cancelled for a commit that is done.
  for (int i = 0; i < 2; ++i) {
    AwaitQuery(
        "SELECT count(*) > 0 FROM pg_stat_activity "
        "WHERE usename = 'wxident_server' AND wait_event = 'SyncRep'");
    world_.Query(
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity "
        "WHERE usename = 'wxident_server' AND wait_event = 'SyncRep'");
  }
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "STORE_UNAVAILABLE");
  standby->Signal(SIGCONT);
  v1::LoginResponse response;
  const Clock::time_point back = Clock::now();
  while (!(status = Login(server.stub(), code, &response)).ok() &&
         SecondsSince(back) < 30)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(IsActive(server, response.session_token()));
}

}  // namespace
}  // namespace wxident

// Servers that reach the database through pgbouncer in transaction mode, where
// each transaction may run over another connection.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <pqxx/pqxx>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

// A pgbouncer before the World's database. It listens on a socket in a folder
// of its own, so that no port need be free.
class Pooler {
 public:
  explicit Pooler(World& world) : dir_("/tmp/wxident-pooler.XXXXXX") {
    if (mkdtemp(dir_.data()) == nullptr) std::abort();
    // It refuses to run as root, like PostgreSQL.
    chmod(dir_.c_str(), 0777);
    std::ofstream(dir_ + "/pooler.ini")
        << "[databases]\n"
        << "wxident = host=127.0.0.1 port=" << world.postgres().port()
        << " dbname=wxident user=wxident_server\n"
        << "[pgbouncer]\n"
        << "pool_mode = transaction\nauth_type = any\n"
        << "default_pool_size = 6\nmax_client_conn = 500\n"
        << "unix_socket_dir = " << dir_ << "\nlisten_port = 6432\n";
    std::vector<std::string> argv;
    if (geteuid() == 0)
      argv = {"/usr/bin/setpriv", "--reuid",        "postgres", "--regid",
              "postgres",         "--clear-groups", "--"};
    argv.insert(argv.end(), {"/usr/sbin/pgbouncer", dir_ + "/pooler.ini"});
    process_ = std::make_unique<Process>(argv);
    EXPECT_TRUE(process_->WaitForLine("process up").has_value())
        << process_->log();
  }
  ~Pooler() {
    process_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }

  std::string url() const {
    return absl::StrCat("postgresql://wxident_server@/wxident?port=6432&host=",
                        dir_);
  }

 private:
  std::string dir_;
  std::unique_ptr<Process> process_;
};

TEST(KeeperPoolerTest, TransactionModeIsEnough) {
  std::vector<WorldApp> apps = MakeTokenApps(6);
  World world(PrivatePostgres::Durability::kNone, apps);
  Pooler pooler(world);
  Fleet fleet(world, 4, {{"--database-url", pooler.url()}, nullptr});
  for (size_t i = 0; i < 2; ++i) ReportDeadToken(world, fleet, apps[i], 200);
  apps.erase(apps.begin(), apps.begin() + 2);
  ExpireTogether(world, fleet, apps, 8);
}

// The time-outs are the role's, so they are in force behind the pooler too.
TEST(KeeperPoolerTest, ALockedTableHoldsNobodyElse) {
  World world;
  Pooler pooler(world);
  Wxidentd server(world, {"--database-url", pooler.url()});
  const v1::LoginResponse login = LogIn(world, server, "somebody");
  pqxx::connection owner(world.postgres().url());
  auto lock = std::make_unique<pqxx::work>(owner);
  lock->exec("LOCK TABLE sessions");
  // More callers than there are workers, who all want that table.
  std::atomic<bool> stop = false;
  std::atomic<int> refused = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 32; ++i)
    callers.emplace_back([&] {
      while (!stop) {
        v1::ValidateSessionRequest ask;
        ask.set_session_token(login.session_token());
        ask.set_strong(true);
        v1::ValidateSessionResponse answer;
        const grpc::Status status =
            server.stub().ValidateSession(Within().get(), ask, &answer);
        EXPECT_EQ(ReasonOf(status), "STORE_UNAVAILABLE")
            << status.error_message();
        ++refused;
      }
    });
  ASSERT_TRUE(Eventually(absl::Seconds(60), [&] { return refused > 64; }));
  for (int i = 0; i < 10; ++i) {
    const auto began = std::chrono::steady_clock::now();
    v1::GetUserRequest ask;
    ask.set_user_id(login.user().user_id());
    v1::GetUserResponse answer;
    const grpc::Status status =
        server.stub().GetUser(Within().get(), ask, &answer);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_LT(std::chrono::steady_clock::now() - began,
              std::chrono::seconds(10));
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  lock.reset();
  EXPECT_TRUE(IsActive(server, login.session_token()));
}

}  // namespace
}  // namespace wxident

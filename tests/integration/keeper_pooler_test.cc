// Servers that reach the database through pgbouncer in transaction mode, where
// each transaction may run over another connection.

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

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
        << "ignore_startup_parameters = options\n"
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

}  // namespace
}  // namespace wxident

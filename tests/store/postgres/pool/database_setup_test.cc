// A database that is set up in another way than the server needs it, and what
// is said of it.

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/crypto/secret.h"
#include "server/store/postgres/pool/checked_connector.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/sql/sql_session.h"
#include "tests/store/postgres_harness.h"

namespace wxident {
namespace {

class DatabaseSetupTest : public testing::Test {
 protected:
  static PrivatePostgres& Cluster() { return SharedPostgres(); }
  static void Superuser(const std::string& sql) {
    ASSERT_TRUE(Cluster().Superuser(sql).ok()) << sql;
  }
  // Of a connection of the server's role.
  static absl::Status Connect(const std::string& url = Cluster().server_url(),
                              const std::string& password = "") {
    return MakeCheckedConnector(*MakePgConnector(url, Secret(password)))
        ->Connect()
        .status();
  }
  static std::string UrlOf(const std::string& role,
                           const std::string& database = "wxident") {
    return absl::StrReplaceAll(
        Cluster().server_url(),
        {{"wxident_server@", role + "@"}, {"/wxident?", "/" + database + "?"}});
  }
  static void ExpectSaid(const absl::Status& status, const std::string& part) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status;
  }
};

TEST_F(DatabaseSetupTest, WhatTheRolesFileSetsMustBeInForce) {
  EXPECT_TRUE(Connect().ok()) << Connect();
  struct Case {
    const char* name;
    const char* bad;
    const char* good;
  };
  for (const Case& one : {
           Case{"statement_timeout", "0", "'3s'"},
           Case{"statement_timeout", "'1min'", "'3s'"},
           Case{"lock_timeout", "0", "'200ms'"},
           Case{"idle_in_transaction_session_timeout", "0", "'5s'"},
           Case{"default_transaction_isolation", "'repeatable read'",
                "'read committed'"},
           Case{"array_nulls", "off", "on"},
           Case{"client_min_messages", "error", "notice"},
       }) {
    const std::string set =
        absl::StrCat("ALTER ROLE wxident_server SET ", one.name, " = ");
    Superuser(absl::StrCat(set, one.bad));
    const absl::Status status = Connect();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << one.name << status;
    ExpectSaid(status, "docs/database-roles.sql");
    ExpectSaid(status,
               absl::StrCat("ALTER ROLE wxident_server SET ", one.name, " = "));
    Superuser(absl::StrCat(set, one.good));
    EXPECT_TRUE(Connect().ok()) << Connect();
  }
}

TEST_F(DatabaseSetupTest, TheDatabasesDefaultsDoNotReachTheServer) {
  Superuser(
      "ALTER DATABASE wxident SET array_nulls = off;\n"
      "ALTER DATABASE wxident SET default_transaction_isolation = "
      "'serializable';\n"
      "ALTER DATABASE wxident SET statement_timeout = 0;\n"
      "ALTER DATABASE wxident SET client_encoding = 'GBK'");
  EXPECT_TRUE(Connect().ok()) << Connect();
  Superuser("ALTER DATABASE wxident RESET ALL");
}

TEST_F(DatabaseSetupTest, TextIsUtf8WhateverTheEnvironmentSays) {
  setenv("PGCLIENTENCODING", "GBK", 1);
  auto session =
      *(*MakePgConnector(Cluster().server_url(), Secret()))->Connect();
  unsetenv("PGCLIENTENCODING");
  const std::string text = "\u5f20\u4f1f \U0001F600";
  const auto rows =
      session->Execute("SELECT $1::text, length($1::text)", {text});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(*rows, SqlRows({{text, "4"}}));
}

TEST_F(DatabaseSetupTest, EveryCauseHasItsSentence) {
  Superuser(
      "CREATE ROLE locked LOGIN PASSWORD 'right';\n"
      "CREATE ROLE kept_out LOGIN;\n"
      "CREATE ROLE unwanted LOGIN;\n"
      "CREATE ROLE no_login;\n"
      "CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0;\n"
      "DO $$ BEGIN EXECUTE format("
      "'COPY (VALUES (''local all all trust''), "
      "(''host wxident locked 127.0.0.1/32 scram-sha-256''), "
      "(''host wxident,nowhere,ascii wxident,wxident_server,unwanted,nobody,"
      "no_login 127.0.0.1/32 trust'')) TO %L', current_setting('hba_file')); "
      "END $$;\n"
      "SELECT pg_reload_conf();\n"
      // Until new connections see it.
      "SELECT pg_sleep(0.2)");
  const absl::Status encoding = Connect(UrlOf("wxident_server", "ascii"));
  EXPECT_TRUE(absl::IsFailedPrecondition(encoding)) << encoding;
  ExpectSaid(encoding, "must be UTF8");
  ExpectSaid(Connect(UrlOf("locked"), "wrong"), "28P01");
  ExpectSaid(Connect(UrlOf("locked")), "database.password_file");
  ExpectSaid(Connect(UrlOf("kept_out")), "pg_hba.conf");
  ExpectSaid(Connect(UrlOf("nobody")), "does not exist or may not log in");
  ExpectSaid(Connect(UrlOf("no_login")), "does not exist or may not log in");
  ExpectSaid(Connect(UrlOf("wxident_server", "nowhere")), "3D000");
  ExpectSaid(Connect(UrlOf("unwanted")), "may not connect");
  ExpectSaid(
      Connect(absl::StrReplaceAll(Cluster().server_url(),
                                  {{"sslmode=disable", "sslmode=require"}})),
      "offers no TLS");
  ExpectSaid(Connect("postgresql://u@127.0.0.1:1/d"), "nothing listens");
  ExpectSaid(Connect("postgresql://u@nowhere.invalid/d"), "resolved");
  ExpectSaid(Connect("postgresql:///d?host=/nowhere"), "no socket");
  Superuser("ALTER ROLE wxident_server CONNECTION LIMIT 0");
  ExpectSaid(Connect(), "53300");
  Superuser("ALTER ROLE wxident_server CONNECTION LIMIT -1");
  for (const absl::Status& status :
       {Connect(UrlOf("locked"), "wrong"), Connect(UrlOf("kept_out"))}) {
    EXPECT_TRUE(absl::IsUnavailable(status));
    EXPECT_FALSE(absl::StrContains(status.message(), "127.0.0.1")) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "locked")) << status;
  }
}

// As managed databases have it.
TEST_F(DatabaseSetupTest, TheRolesFileNeedsNoSuperuser) {
  Superuser(
      "ALTER ROLE wxident CREATEROLE;\n"
      "DROP OWNED BY wxident_server;\nDROP ROLE wxident_server");
  EXPECT_FALSE(Connect().ok());
  for (int i = 0; i < 2; ++i) {
    std::vector<std::string> words = {"psql", "--quiet", "--no-psqlrc",
                                      "--dbname=" + Cluster().url(),
                                      "--file=docs/database-roles.sql"};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    ASSERT_EQ(
        posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ), 0);
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(Connect().ok()) << Connect();
  auto session =
      *(*MakePgConnector(Cluster().server_url(), Secret()))->Connect();
  EXPECT_TRUE(session->Execute("SELECT count(*) FROM users", {}).ok());
  EXPECT_FALSE(session->Execute("DROP TABLE users", {}).ok());
}

}  // namespace
}  // namespace wxident

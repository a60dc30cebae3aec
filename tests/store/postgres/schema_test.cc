// Which servers may run on which schemas.

#include "server/store/postgres/schema.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/secret.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/sql/sql_session.h"
#include "tests/store/postgres_harness.h"

namespace wxident {
namespace {

class SchemaTest : public testing::Test {
 protected:
  absl::Status Check() { return CheckSchema(*connector_); }

  // A migration that this server does not know. `oldest_server` as it says so,
  // or "" when it says nothing.
  void Apply(const std::string& version, const std::string& oldest_server) {
    pg_.Sql(
        absl::StrCat("INSERT INTO schema_migrations VALUES ('", version, "')"));
    if (oldest_server.empty()) return;
    pg_.Sql(absl::StrCat("INSERT INTO schema_compatibility VALUES ('", version,
                         "', '", oldest_server, "')"));
  }
  void UnapplyAll() {
    pg_.Sql("DELETE FROM schema_migrations WHERE version LIKE '9999%'");
    pg_.Sql("DELETE FROM schema_compatibility WHERE version LIKE '9999%'");
  }
  ~SchemaTest() override { UnapplyAll(); }

  PostgresHarness pg_;
  std::unique_ptr<SqlConnector> connector_ =
      *MakePgConnector(SharedPostgres().server_url(), Secret());
};

// The cluster has all of migrations/.
TEST_F(SchemaTest, TheServerIsMadeForTheNewestMigration) {
  EXPECT_EQ(pg_.Sql("SELECT max(version) FROM schema_migrations"),
            SqlRows({{std::string(kSchemaVersion)}}));
  EXPECT_TRUE(Check().ok());
}

// Whoever adds a migration says which servers may run on it; an index that is
// made in a file of its own is spoken for by the file before.
TEST_F(SchemaTest, EveryMigrationSaysWhichServersMayRun) {
  EXPECT_EQ(pg_.Sql("SELECT m.version FROM schema_migrations m"
                    " WHERE m.version >= '20261130000000' AND NOT EXISTS ("
                    " SELECT FROM schema_compatibility c"
                    " WHERE c.version = m.version)"),
            SqlRows());
  EXPECT_EQ(pg_.Sql("SELECT c.version FROM schema_compatibility c"
                    " WHERE NOT EXISTS (SELECT FROM schema_migrations m"
                    "  WHERE m.version = c.version)"
                    " OR c.oldest_server > c.version"
                    " OR NOT EXISTS (SELECT FROM schema_migrations m"
                    "  WHERE m.version = c.oldest_server)"),
            SqlRows());
}

TEST_F(SchemaTest, LaterMigrationsThatAllowTheServerAreFine) {
  Apply("99990101000000", "20261124000000");
  Apply("99990102000000", std::string(kSchemaVersion));
  EXPECT_TRUE(Check().ok()) << Check();
}

TEST_F(SchemaTest, AMigrationThatNeedsANewerServerIsRefused) {
  Apply("99990101000000", "20261124000000");
  Apply("99990102000000", "99990101000000");
  Apply("99990103000000", "20261124000000");
  const absl::Status refused = Check();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  for (const char* part :
       {"99990102000000", "run a server made for 99990101000000 or later",
        "dbmate --migrations-dir migrations up"})
    EXPECT_TRUE(absl::StrContains(refused.message(), part)) << refused;
}

TEST_F(SchemaTest, AMigrationThatSaysNothingIsRefused) {
  Apply("99990101000000", "");
  const absl::Status refused = Check();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_TRUE(absl::StrContains(refused.message(), "run a newer server"))
      << refused;
}

TEST_F(SchemaTest, WhatTheServerNeedsMustBeThere) {
  // However many later ones are.
  Apply("99990101000000", "20261124000000");
  const std::string needed(kSchemaVersion);
  pg_.Sql(absl::StrCat("DELETE FROM schema_migrations WHERE version = '",
                       needed, "'"));
  const absl::Status lacking = Check();
  EXPECT_TRUE(absl::IsFailedPrecondition(lacking));
  EXPECT_TRUE(absl::StrContains(lacking.message(),
                                "dbmate --migrations-dir migrations up"));
  pg_.Sql(
      absl::StrCat("INSERT INTO schema_migrations VALUES ('", needed, "')"));

  pg_.Sql("ALTER TABLE schema_migrations RENAME TO away");
  const absl::Status missing = Check();
  EXPECT_TRUE(absl::IsFailedPrecondition(missing));
  EXPECT_TRUE(absl::StrContains(missing.message(),
                                "dbmate --migrations-dir migrations up"));
  pg_.Sql("ALTER TABLE away RENAME TO schema_migrations");
  EXPECT_TRUE(Check().ok());
}

TEST_F(SchemaTest, WhoCannotBeAskedIsUnavailable) {
  auto nowhere = *MakePgConnector("postgresql://x@127.0.0.1:1/x", Secret());
  EXPECT_TRUE(absl::IsUnavailable(CheckSchema(*nowhere)));
  EXPECT_FALSE(MakePgConnector("http://x", Secret()).ok());
}

}  // namespace
}  // namespace wxident

// The role that servers connect as. That it suffices is what every other test
// of a store and of a whole server shows, for they use it; here is what it may
// not do.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "server/crypto/secret.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/sql/sql_session.h"
#include "server/store/postgres/sql/sql_values.h"
#include "tests/store/postgres_harness.h"

namespace wxident {
namespace {

class ServerRoleTest : public testing::Test {
 protected:
  ServerRoleTest() {
    auto connector = *MakePgConnector(SharedPostgres().server_url(), Secret());
    session_ = *connector->Connect();
  }

  std::string Said(const std::string& sql) {
    auto rows = session_->Execute(sql.c_str(), {});
    return rows.ok() ? "OK" : std::string(rows.status().message());
  }

  PostgresHarness pg_;
  std::unique_ptr<SqlSession> session_;
};

TEST_F(ServerRoleTest, ReadsAndWritesRows) {
  EXPECT_EQ(Said("INSERT INTO users (user_id) VALUES (gen_random_uuid())"),
            "OK");
  EXPECT_EQ(Said("UPDATE users SET created_at = now()"), "OK");
  EXPECT_EQ(Said("SELECT count(*) FROM users"), "OK");
  EXPECT_EQ(Said("DELETE FROM users"), "OK");
  EXPECT_EQ(Said("SELECT version FROM schema_migrations"), "OK");
  EXPECT_EQ(Said("SELECT version FROM schema_compatibility"), "OK");
}

TEST_F(ServerRoleTest, ChangesNoTableAndReadsNoPassword) {
  for (const char* sql : {
           "CREATE TABLE mine (a int)",
           "CREATE TEMPORARY TABLE mine (a int)",
           "CREATE VIEW mine AS SELECT 1",
           "CREATE INDEX mine ON users (created_at)",
           "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
           "CREATE SCHEMA mine",
           "CREATE DATABASE mine",
           "CREATE ROLE mine",
           "ALTER TABLE users ADD COLUMN mine int",
           "ALTER TABLE users DISABLE TRIGGER ALL",
           "ALTER ROLE wxident_server SUPERUSER",
           "ALTER SYSTEM SET log_statement = 'all'",
           "DROP TABLE users",
           "DROP TABLE schema_migrations",
           "TRUNCATE users CASCADE",
           "TRUNCATE user_events",
           "ALTER TABLE users OWNER TO wxident_server",
           "SET ROLE wxident",
           "SET ROLE postgres",
           "SET log_error_verbosity = verbose",
           "SELECT rolpassword FROM pg_authid",
           "SELECT passwd FROM pg_shadow",
           "SELECT pg_read_file('PG_VERSION')",
           "COPY users TO PROGRAM 'cat'",
           "INSERT INTO schema_migrations VALUES ('99990101000000')",
           "DELETE FROM schema_migrations",
           "INSERT INTO schema_compatibility VALUES ('99990101000000', '')",
           "UPDATE schema_compatibility SET oldest_server = ''",
           "DELETE FROM schema_compatibility",
           "SELECT user_id FROM user_events",
           "UPDATE user_events SET app_id = ''",
           "DELETE FROM user_events",
           "DELETE FROM key_canaries",
       })
    EXPECT_NE(Said(sql), "OK") << sql;
}

// Whoever adds a table writes what the server needs of it into
// docs/database-roles.sql.
TEST_F(ServerRoleTest, HasWhatTheFileGivesIt) {
  const SqlRows rows = pg_.Sql(R"sql(
    SELECT t.table_name, coalesce(string_agg(
        g.privilege_type, ',' ORDER BY g.privilege_type), '')
    FROM information_schema.tables t
    LEFT JOIN information_schema.role_table_grants g
      ON g.table_name = t.table_name AND g.table_schema = t.table_schema
        AND g.grantee IN ('wxident_server', 'PUBLIC')
    WHERE t.table_schema = 'public'
    GROUP BY t.table_name)sql");
  ASSERT_GE(rows.size(), 14u);
  for (const SqlRow& row : rows) {
    const std::string table = TextOf(row[0]);
    const char* expected = table == "schema_migrations"      ? "SELECT"
                           : table == "schema_compatibility" ? "SELECT"
                           : table == "user_events"          ? "INSERT"
                           : table == "key_canaries"
                               ? "INSERT,SELECT,UPDATE"
                               : "DELETE,INSERT,SELECT,UPDATE";
    EXPECT_EQ(TextOf(row[1]), expected) << table;
  }
}

// A server of the next release finds the tables that its migrations made.
TEST_F(ServerRoleTest, MayUseTablesOfLaterMigrations) {
  pg_.Sql("CREATE TABLE later (a int)");
  EXPECT_EQ(Said("INSERT INTO later VALUES (1)"), "OK");
  EXPECT_NE(Said("DROP TABLE later"), "OK");
  pg_.Sql("DROP TABLE later");
}

// With PostgreSQL's own settings the log would name the row.
TEST_F(ServerRoleTest, ErrorsPutNoValueIntoTheDatabasesLog) {
  auto rows = session_->Execute(
      "INSERT INTO profiles (app_id, openid, nickname, avatar_url, gender, "
      "language, country, province, city, source, fetched_at) "
      "VALUES ('wx1', $1, '', '', 0, '', '', '', '', 1, now())",
      {"o_marked_value"});
  ASSERT_FALSE(rows.ok());
  const std::string log = SharedPostgres().Log();
  EXPECT_NE(log.find("violates foreign key constraint"), std::string::npos);
  EXPECT_EQ(log.find("o_marked_value"), std::string::npos) << log;
}

}  // namespace
}  // namespace wxident

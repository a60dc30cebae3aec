#include "server/store/postgres/schema.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

absl::Status NotMigrated(absl::string_view found) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the database's schema is ", found, " and this server needs ",
      kSchemaVersion,
      "; run: dbmate --migrations-dir migrations up (with DATABASE_URL set)"));
}

// `oldest_server` is empty when nobody has said which server may run.
absl::Status TooOld(absl::string_view migration,
                    absl::string_view oldest_server) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the database has the migration ", migration,
      ", on which this server (made for ", kSchemaVersion,
      ") may not run; run ",
      oldest_server.empty()
          ? "a newer server"
          : absl::StrCat("a server made for ", oldest_server, " or later"),
      ", of the release whose migrations were applied with: dbmate "
      "--migrations-dir migrations up"));
}

absl::Status CannotAsk(absl::string_view why) {
  return absl::UnavailableError(absl::StrCat(
      "the database of database.url could not be asked for its schema: ", why));
}

}  // namespace

absl::Status CheckSchema(SqlConnector& connector) {
  auto session = connector.Connect();
  // One that is not as it must be needs no second look.
  if (absl::IsFailedPrecondition(session.status())) return session.status();
  if (!session.ok()) return CannotAsk(session.status().message());
  auto table = (*session)->Execute(
      "SELECT to_regclass('schema_migrations') IS NOT NULL", {});
  if (!table.ok()) return CannotAsk(table.status().message());
  if (!IsTrue(table->front()[0])) return NotMigrated("missing");
  auto newest = (*session)->Execute(
      SqlStatement("SELECT max(version) AS newest,"
                   " count(*) FILTER (WHERE version = :ours) AS of_ours"
                   " FROM schema_migrations"),
      {{"ours", std::string(kSchemaVersion)}});
  if (!newest.ok()) return CannotAsk(newest.status().message());
  const SqlRow& row = newest->front();
  if (!row["newest"].has_value()) return NotMigrated("missing");
  const std::string found = TextOf(row["newest"]);
  if (NumberOf(row["of_ours"]) == 0) return NotMigrated(found);
  if (found == kSchemaVersion) return absl::OkStatus();
  // Who made a later migration has said which servers may run on it.
  auto forbidden = (*session)->Execute(
      SqlStatement(
          "SELECT m.version, c.oldest_server FROM schema_migrations m"
          " LEFT JOIN schema_compatibility c ON c.version = m.version"
          " WHERE m.version > :ours"
          " AND (c.oldest_server IS NULL OR c.oldest_server > :ours)"
          " ORDER BY c.oldest_server DESC NULLS FIRST, m.version DESC LIMIT 1"),
      {{"ours", std::string(kSchemaVersion)}});
  if (!forbidden.ok()) return CannotAsk(forbidden.status().message());
  if (forbidden->empty()) return absl::OkStatus();
  return TooOld(TextOf(forbidden->front()["version"]),
                TextOf(forbidden->front()["oldest_server"]));
}

}  // namespace wxident

#include "server/store/postgres/schema.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/sql_values.h"

namespace wxident {
namespace {

absl::Status NotMigrated(absl::string_view found) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the database's schema is ", found, " and this server needs ",
      kSchemaVersion,
      "; run: dbmate --migrations-dir migrations up (with DATABASE_URL set)"));
}

absl::Status CannotAsk(absl::string_view why) {
  return absl::UnavailableError(absl::StrCat(
      "the database could not be asked for its schema version: ", why));
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
  auto newest =
      (*session)->Execute("SELECT max(version) FROM schema_migrations", {});
  if (!newest.ok()) return CannotAsk(newest.status().message());
  if (!newest->front()[0].has_value()) return NotMigrated("missing");
  const std::string found = TextOf(newest->front()[0]);
  if (found == kSchemaVersion) return absl::OkStatus();
  if (found < kSchemaVersion) return NotMigrated(found);
  return absl::FailedPreconditionError(absl::StrCat(
      "the database's schema is ", found, ", which this server (made for ",
      kSchemaVersion,
      ") does not know; run a newer server, the one whose migrations/ were "
      "applied with: dbmate --migrations-dir migrations up"));
}

}  // namespace wxident

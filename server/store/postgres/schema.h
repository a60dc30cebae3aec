#ifndef WXIDENT_SERVER_STORE_POSTGRES_SCHEMA_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SCHEMA_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// The newest file in migrations/ when this server was made.
inline constexpr absl::string_view kSchemaVersion = "20261130000100";

// Whether this server may run on the database's schema: it has that migration,
// by dbmate's table schema_migrations, and every later one says in
// schema_compatibility that servers made for this one may run. Asks once, over
// a connection of its own, and waits for the answer. Errors:
// kFailedPrecondition when it may not, with what to do; kUnavailable when the
// database cannot be asked.
absl::Status CheckSchema(SqlConnector& connector);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SCHEMA_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_SCHEMA_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SCHEMA_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/store/postgres/sql_session.h"

namespace wxident {

// The newest file in migrations/ that this server is made for.
inline constexpr absl::string_view kSchemaVersion = "20261124000000";

// Whether the database has that schema, by dbmate's table schema_migrations.
// Asks once, over a connection of its own, and waits for the answer. Errors:
// kFailedPrecondition when it has not, with what to do; kUnavailable when it
// cannot be asked.
absl::Status CheckSchema(SqlConnector& connector);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SCHEMA_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_CHECKED_CONNECTOR_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_CHECKED_CONNECTOR_H_

#include <memory>

#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// Gives `connector`'s sessions once it has seen, with one statement, that the
// database is such as the server's statements are made for: its encoding, the
// settings that change what they mean, and the time-outs that
// docs/database-roles.sql gives the role. A pooler may lead each session
// elsewhere and settings may be changed any time, so each is looked at.
//
// Errors: `connector`'s; kFailedPrecondition with the SQL to run.
std::unique_ptr<SqlConnector> MakeCheckedConnector(
    std::unique_ptr<SqlConnector> connector);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_CHECKED_CONNECTOR_H_

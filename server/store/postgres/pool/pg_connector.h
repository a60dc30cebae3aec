#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_CONNECTOR_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_CONNECTOR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/crypto/secret.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// Connects to PostgreSQL through libpq. `url` is a libpq connection URI;
// `password`, if not empty, is used with it. What the URI does not say is set
// so that nothing waits for long: connect_timeout 2 s, tcp_user_timeout 3 s,
// keepalives 5/2/2. client_encoding is UTF8, whatever the URI says: all our
// text is. The start-up packet holds nothing that pgbouncer refuses; how long
// statements may take is the role's own matter (docs/database-roles.sql), which
// MakeCheckedConnector looks after.
//
// A URI may name several hosts, and a host may have several addresses. They are
// tried in turn, each for connect_timeout; one that did not answer in time is
// tried last for the next half a minute. Which of them fits,
// target_session_attrs says.
//
// libpq reads the variables PG... of the environment too: see
// ForgetLibpqEnvironment.
//
// Errors: kInvalidArgument when the URI cannot be used. Nothing is connected
// yet.
absl::StatusOr<std::unique_ptr<SqlConnector>> MakePgConnector(
    const std::string& url, const Secret& password);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_CONNECTOR_H_

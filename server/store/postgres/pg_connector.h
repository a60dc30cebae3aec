#ifndef WXIDENT_SERVER_STORE_POSTGRES_PG_CONNECTOR_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PG_CONNECTOR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/crypto/secret.h"
#include "server/store/postgres/sql_session.h"

namespace wxident {

// Connects to PostgreSQL through libpqxx. `url` is a libpq connection URI;
// `password`, if not empty, is used with it. What the URI does not say is set
// so that a worker is never held for long: connect_timeout 2 s,
// tcp_user_timeout 3 s, keepalives 5/2/2, statement_timeout 3 s, lock_timeout
// 200 ms, idle_in_transaction_session_timeout 5 s. The last three go in the
// start-up packet ("options"), so no session state is made that pgbouncer in
// transaction mode would mix up; it must be told
// ignore_startup_parameters = options. libpq's variables in the environment
// change neither the host nor how the connection is protected.
//
// Errors: kInvalidArgument when the URI cannot be read. Nothing is connected
// yet.
absl::StatusOr<std::unique_ptr<SqlConnector>> MakePgConnector(
    const std::string& url, const Secret& password);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PG_CONNECTOR_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_SESSION_SWEEP_SESSIONS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SESSION_SWEEP_SESSIONS_H_

#include "absl/status/status.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

// SessionStore::Sweep, each with its limit.
absl::Status SweepSessions(SqlSession& session, const PgItems<int, int>& items);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SESSION_SWEEP_SESSIONS_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_SESSION_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_SESSION_H_

#include <postgresql/libpq-fe.h>

#include <chrono>
#include <memory>

#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

struct PgConnCloser {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using PgConn = std::unique_ptr<PGconn, PgConnCloser>;

// How long an answer is waited for. The database itself ends a statement after
// statement_timeout, 3 s; what takes longer is a database that hangs, or a
// COMMIT that waits for a synchronous standby, which no time-out of the
// database bounds. Such a COMMIT must not be cancelled: PostgreSQL then takes
// it for done, and it is lost when the standby is promoted.
inline constexpr std::chrono::milliseconds kAnswerWait{4000};

// Whether one of `events` (poll's) is there by then, or the socket is broken.
bool AwaitSocket(int fd, short events,
                 std::chrono::steady_clock::time_point until);

// A session over an open connection. Never waits longer than kAnswerWait for
// one statement. A commit that was not replicated as the database's settings
// want, because somebody cancelled the wait, is no success: kUnavailable.
std::unique_ptr<SqlSession> MakePgSession(PgConn connection);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_SESSION_H_

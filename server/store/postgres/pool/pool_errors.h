#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_POOL_ERRORS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_POOL_ERRORS_H_

#include "absl/status/status.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// What a PgPool's callers get.
absl::Status StoreUnavailable();
absl::Status DeadlinePassed();
// From a SqlSession's status; kDeadlineExceeded: the caller's has passed.
absl::Status ToDomain(const absl::Status& status);

// Asks the database: kFailedPrecondition when it takes no writes.
absl::Status CheckWritable(SqlSession& session);
// Commits a change that changes nothing: the answer comes when commits end.
absl::Status CheckCommits(SqlSession& session);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_POOL_ERRORS_H_

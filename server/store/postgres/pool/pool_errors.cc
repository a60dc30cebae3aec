#include "server/store/postgres/pool/pool_errors.h"

#include "server/base/status_macros.h"
#include "server/identity/error.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {

absl::Status StoreUnavailable() {
  return Error(Reason::kStoreUnavailable,
               "the database could not be asked; retry")
      .RetryAfter(absl::Milliseconds(100))
      .ToStatus();
}

absl::Status DeadlinePassed() {
  return Error(Reason::kDeadlinePassed,
               "the deadline passed before the database was asked")
      .ToStatus();
}

absl::Status ToDomain(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return DeadlinePassed();
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kFailedPrecondition:
      return StoreUnavailable();
    default:
      return Error(Reason::kInternalFault, "the store failed; report it")
          .ToStatus();
  }
}

absl::Status CheckWritable(SqlSession& session) {
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute("SELECT current_setting('transaction_read_only')", {}));
  if (!rows.empty() && !rows[0].empty() && TextOf(rows[0][0]) == "on")
    return absl::FailedPreconditionError("read-only");
  return absl::OkStatus();
}

absl::Status CheckCommits(SqlSession& session) {
  // Each server keeps a canary of its keys there.
  return session
      .Execute(
          "UPDATE key_canaries SET key_id = key_id "
          "WHERE key_id = (SELECT max(key_id) FROM key_canaries)",
          {})
      .status();
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_SESSION_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_SESSION_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/sql/sql_rows.h"
#include "server/store/postgres/sql/sql_statement.h"

namespace wxident {

// One connection to the database, used by one thread at a time. Errors never
// carry SQL, values or the driver's text, at most an SQLSTATE:
//   kUnavailable         the connection is lost, or of no more use: throw it
//                        away; what became of the statement is unknown
//   kDeadlineExceeded    no answer in time; what becomes of the statement is
//                        unknown, and nothing else can be asked (see Settled)
//   kFailedPrecondition  the database takes no writes now
//   kAborted             another transaction was in the way: run it again
//   kInvalidArgument     a value in some row is at fault
//   kCancelled           the server cannot now: time-outs, a full disk
//   kInternal            the statement or the schema is at fault
class SqlSession {
 public:
  virtual ~SqlSession() = default;

  // Runs one statement: as a transaction of its own, or in Transact's.
  // `parameters` are $1, $2, ... in text form.
  virtual absl::StatusOr<SqlRows> Execute(
      const char* sql, const std::vector<std::string>& parameters) = 0;

  // The same by name: how all statements with parameters are run.
  absl::StatusOr<SqlRows> Execute(const SqlStatement& statement,
                                  std::vector<SqlArgument> arguments) {
    absl::StatusOr<std::vector<std::string>> parameters =
        statement.Bind(std::move(arguments));
    if (!parameters.ok()) return parameters.status();
    return Execute(statement.sql().c_str(), *parameters);
  }

  // Runs `steps` in one transaction, which is committed if it returns OK and
  // rolled back otherwise. Does not nest.
  virtual absl::Status Transact(absl::FunctionRef<absl::Status()> steps) = 0;

  // After kDeadlineExceeded: whether the database has dealt with the statement
  // by now, or the connection is lost. Does not wait.
  virtual bool Settled() = 0;
};

// Makes sessions. Thread-safe.
class SqlConnector {
 public:
  virtual ~SqlConnector() = default;

  // Errors: kUnavailable; kFailedPrecondition when the database is not as this
  // server needs it. The message says why, without a value.
  virtual absl::StatusOr<std::unique_ptr<SqlSession>> Connect() = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_SESSION_H_

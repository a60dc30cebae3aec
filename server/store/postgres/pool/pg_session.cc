#include "server/store/postgres/pool/pg_session.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/status_macros.h"

namespace wxident {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct PgResultCloser {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgResultCloser>;

// NULL is "".
absl::string_view FieldOf(const PGresult* result, int code) {
  const char* field = PQresultErrorField(result, code);
  return field == nullptr ? absl::string_view() : field;
}

absl::Status OfSqlState(absl::string_view state) {
  // Not the database said so but libpq, which has lost the connection and may
  // not know it yet.
  if (state.empty()) return absl::UnavailableError("no SQLSTATE");
  const absl::string_view group = state.substr(0, 2);
  const std::string message = absl::StrCat("SQLSTATE ", state);
  // Serialization, deadlock, lock_timeout. A foreign key that is not met means
  // that the row's owner was merged away in between, which the next run sees.
  if (state == "40001" || state == "40P01" || state == "55P03" ||
      state == "23503")
    return absl::AbortedError(message);
  if (state == "25006") return absl::FailedPreconditionError(message);
  // The server goes down, or a pooler between us mixed up statements: another
  // connection may help.
  if (group == "08" || state == "40003" || state == "57P01" ||
      state == "57P02" || state == "57P03" || state == "57P05" ||
      state == "26000")
    return absl::UnavailableError(message);
  if (group == "21" || group == "22" || group == "23")
    return absl::InvalidArgumentError(message);
  if (group == "53" || group == "57" || group == "58")
    return absl::CancelledError(message);
  if (state == "42501")
    return absl::InternalError(absl::StrCat(
        message, ": the role lacks a right; run docs/database-roles.sql"));
  return absl::InternalError(message);
}

SqlRows RowsOf(const PGresult* result) {
  const int columns = PQnfields(result);
  auto names = std::make_shared<SqlRow::Names>();
  for (int column = 0; column < columns; ++column)
    names->emplace_back(PQfname(result, column));
  SqlRows rows;
  const int count = PQntuples(result);
  rows.reserve(static_cast<size_t>(count));
  for (int row = 0; row < count; ++row) {
    std::vector<SqlValue> values;
    values.reserve(static_cast<size_t>(columns));
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, row, column))
        values.emplace_back(std::nullopt);
      else
        values.emplace_back(
            std::string(PQgetvalue(result, row, column),
                        static_cast<size_t>(PQgetlength(result, row, column))));
    }
    rows.emplace_back(names, std::move(values));
  }
  return rows;
}

class PgSession final : public SqlSession {
 public:
  explicit PgSession(PgConn connection) : connection_(std::move(connection)) {
    // Without a receiver libpq prints notices, with values, to stderr.
    PQsetNoticeReceiver(connection_.get(), &OnNotice, this);
    PQsetnonblocking(connection_.get(), 1);
  }

  absl::StatusOr<SqlRows> Execute(
      const char* sql, const std::vector<std::string>& parameters) override {
    WX_ASSIGN_OR_RETURN(const PgResult result, Run(sql, parameters));
    return RowsOf(result.get());
  }

  absl::Status Transact(absl::FunctionRef<absl::Status()> steps) override {
    WX_RETURN_IF_ERROR(Run("BEGIN", {}).status());
    if (absl::Status status = steps(); !status.ok()) {
      // What stays in a transaction is of no more use.
      if (usable_ && !Run("ROLLBACK", {}).ok()) usable_ = false;
      return status;
    }
    WX_ASSIGN_OR_RETURN(const PgResult done, Run("COMMIT", {}));
    if (absl::string_view(PQcmdStatus(done.get())) != "COMMIT")
      return absl::InternalError("a failed transaction was committed");
    return absl::OkStatus();
  }

  bool Settled() override {
    return PQconsumeInput(connection_.get()) == 0 ||
           PQisBusy(connection_.get()) == 0;
  }

 private:
  static void OnNotice(void* self, const PGresult* notice) {
    // "canceling wait for synchronous replication": what was committed here may
    // be lost with this machine. None of our statements makes such a warning.
    if (FieldOf(notice, PG_DIAG_SEVERITY_NONLOCALIZED) == "WARNING" &&
        FieldOf(notice, PG_DIAG_SQLSTATE) == "01000")
      static_cast<PgSession*>(self)->replicated_ = false;
  }

  absl::StatusOr<PgResult> Run(const char* sql,
                               const std::vector<std::string>& parameters) {
    if (!usable_) return absl::UnavailableError("no more use");
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const std::string& parameter : parameters)
      values.push_back(parameter.c_str());
    if (PQsendQueryParams(connection_.get(), sql,
                          static_cast<int>(values.size()), nullptr,
                          values.data(), nullptr, nullptr, 0) == 0)
      return Lost();
    const auto until = SteadyClock::now() + kAnswerWait;
    PgResult answer;
    absl::Status status;
    while (true) {
      WX_RETURN_IF_ERROR(Await(until));
      PgResult result(PQgetResult(connection_.get()));
      if (result == nullptr) break;
      switch (PQresultStatus(result.get())) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
          answer = std::move(result);
          break;
        case PGRES_FATAL_ERROR:
          status.Update(OfSqlState(FieldOf(result.get(), PG_DIAG_SQLSTATE)));
          break;
        default:
          // Not an answer to any statement of ours.
          usable_ = false;
          return absl::InternalError("an answer of an unknown kind");
      }
    }
    if (PQstatus(connection_.get()) != CONNECTION_OK) return Lost();
    if (!replicated_) {
      usable_ = false;
      return absl::UnavailableError("a commit was not replicated");
    }
    if (!status.ok()) {
      if (absl::IsUnavailable(status)) usable_ = false;
      return status;
    }
    if (answer == nullptr) return Lost();
    return answer;
  }

  // Waits until PQgetResult would not.
  absl::Status Await(SteadyClock::time_point until) {
    while (true) {
      const int unsent = PQflush(connection_.get());
      if (unsent < 0 || PQconsumeInput(connection_.get()) == 0) return Lost();
      if (PQisBusy(connection_.get()) == 0) return absl::OkStatus();
      const short events = unsent != 0 ? POLLIN | POLLOUT : POLLIN;
      if (!AwaitSocket(PQsocket(connection_.get()), events, until)) {
        usable_ = false;
        return absl::DeadlineExceededError("no answer in time");
      }
    }
  }

  absl::Status Lost() {
    usable_ = false;
    return absl::UnavailableError("connection lost");
  }

  const PgConn connection_;
  bool usable_ = true;
  bool replicated_ = true;
};

}  // namespace

bool AwaitSocket(int fd, short events, SteadyClock::time_point until) {
  pollfd socket{};
  socket.fd = fd;
  socket.events = events;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        until - SteadyClock::now());
    const int ready =
        poll(&socket, 1, std::max(0, static_cast<int>(left.count())));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

std::unique_ptr<SqlSession> MakePgSession(PgConn connection) {
  return std::make_unique<PgSession>(std::move(connection));
}

}  // namespace wxident

#include "server/store/postgres/pg_clock.h"

#include <utility>

#include "server/base/status_macros.h"
#include "server/store/postgres/sql_values.h"

namespace wxident {
namespace {

absl::Status ReadTimes(SqlSession& session,
                       const PgItems<Nothing, absl::Time>& items) {
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute("SELECT (extract(epoch FROM clock_timestamp())"
                      " * 1000000)::bigint",
                      {}));
  if (rows.size() != 1) return NoSuchItem();
  for (auto* item : items) item->out = TimeOf(rows[0][0]);
  return absl::OkStatus();
}

}  // namespace

PgClock::PgClock(PgPool& pool)
    : read_(AddPgOperation<Nothing, absl::Time>(pool, PgPool::Access::kRead,
                                                "read_clock", &ReadTimes)) {}

void PgClock::Read(Deadline deadline, Done<absl::Time> done) {
  read_.Submit({}, deadline, std::move(done));
}

}  // namespace wxident

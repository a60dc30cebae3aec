#include "server/store/postgres/pg_clock.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/deadline.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

constexpr absl::Duration kEvery = absl::Seconds(10);
constexpr absl::Duration kReadBudget = absl::Seconds(1);

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

PgClock::PgClock(PgPool& pool, Clock& clock, WallClocks& wall_clocks)
    : read_(AddPgOperation<Nothing, absl::Time>(pool, PgPool::Access::kRead,
                                                "read_clock", &ReadTimes)),
      clock_(clock),
      wall_clocks_(wall_clocks) {}

void PgClock::Compare() {
  const absl::Duration now = clock_.Monotonic();
  if (now - asked_at_ < kEvery) return;
  asked_at_ = now;
  read_.Submit({}, Deadline::After(kReadBudget, clock_),
               [&clocks = wall_clocks_](absl::StatusOr<absl::Time> time) {
                 if (time.ok())
                   clocks.Observe(WallClocks::Whose::kDatabase, *time);
               });
}

}  // namespace wxident

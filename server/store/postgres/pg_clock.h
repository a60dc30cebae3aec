#ifndef WXIDENT_SERVER_STORE_POSTGRES_PG_CLOCK_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PG_CLOCK_H_

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/wall_clocks.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/postgres/pool/pg_pool.h"

namespace wxident {

// Reads what the database's clock says, for WallClocks. One thread uses it.
class PgClock {
 public:
  // `clock` and `wall_clocks` must outlive the pool.
  PgClock(PgPool& pool, Clock& clock, WallClocks& wall_clocks);

  // To be called now and then; asks the database once in 10 s, for clocks drift
  // apart slowly. Does not wait for it.
  void Compare();

 private:
  PgOperation<Nothing, absl::Time>& read_;
  Clock& clock_;
  WallClocks& wall_clocks_;
  // On Clock::Monotonic().
  absl::Duration asked_at_ = -absl::InfiniteDuration();
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PG_CLOCK_H_

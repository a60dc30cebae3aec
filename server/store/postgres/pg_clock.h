#ifndef WXIDENT_SERVER_STORE_POSTGRES_PG_CLOCK_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PG_CLOCK_H_

#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/store/postgres/pg_operation.h"
#include "server/store/postgres/pg_pool.h"

namespace wxident {

// Tells what the database's clock says. Errors: those of PgPool. Thread-safe.
class PgClock {
 public:
  explicit PgClock(PgPool& pool);

  void Read(Deadline deadline, Done<absl::Time> done);

 private:
  PgOperation<Nothing, absl::Time>& read_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PG_CLOCK_H_

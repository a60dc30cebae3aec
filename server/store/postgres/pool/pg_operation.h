#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_OPERATION_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_OPERATION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// What an operation without a result gives.
struct Nothing {};

inline Done<Nothing> WithNothing(DoneStatus done) {
  return [done = std::move(done)](absl::StatusOr<Nothing> result) mutable {
    std::move(done)(std::move(result).status());
  };
}

// One request of a batch: what was asked, and where the answer goes.
template <typename In, typename Out>
struct PgItem final : PgPool::Job {
  PgItem(In in, Deadline deadline, Done<Out> done)
      : Job(deadline), in(std::move(in)), done(std::move(done)) {}

  absl::Status Answer() override {
    absl::Status status = out.status();
    std::move(done)(std::move(out));
    return status;
  }
  void Fail(absl::Status status) override {
    std::move(done)(std::move(status));
  }

  In in;
  // An item that a run forgets must not look like success.
  absl::StatusOr<Out> out = absl::InternalError("the store gave no answer");
  Done<Out> done;
};

template <typename In, typename Out>
using PgItems = std::vector<PgItem<In, Out>*>;

// The item that a row of a batch's answer names, counted from 1 as WITH
// ORDINALITY does; nullptr when there is none.
template <typename Item>
Item* ItemNumbered(const std::vector<Item*>& items, int64_t number) {
  if (number < 1 || number > static_cast<int64_t>(items.size())) return nullptr;
  return items[number - 1];
}

inline absl::Status NoSuchItem() {
  return absl::InternalError("an answer names no row of its batch");
}

// A kind of request with its types: runs `run` over each batch. `run` must not
// capture what the pool may outlive.
template <typename In, typename Out>
class PgOperation final : public PgPool::Operation {
 public:
  using RunFn = std::function<absl::Status(SqlSession& session,
                                           const PgItems<In, Out>& items)>;

  PgOperation(PgPool& pool, PgPool::Access access, std::string name, RunFn run)
      : Operation(access, std::move(name)), pool_(pool), run_(std::move(run)) {}

  void Submit(In in, Deadline deadline, Done<Out> done) {
    pool_.Submit(*this, std::make_unique<PgItem<In, Out>>(
                            std::move(in), deadline, std::move(done)));
  }

  absl::Status Run(SqlSession& session,
                   const std::vector<PgPool::Job*>& jobs) override {
    PgItems<In, Out> items;
    items.reserve(jobs.size());
    for (PgPool::Job* job : jobs)
      items.push_back(static_cast<PgItem<In, Out>*>(job));
    return run_(session, items);
  }

 private:
  PgPool& pool_;
  const RunFn run_;
};

template <typename In, typename Out>
PgOperation<In, Out>& AddPgOperation(PgPool& pool, PgPool::Access access,
                                     std::string name,
                                     typename PgOperation<In, Out>::RunFn run) {
  return static_cast<PgOperation<In, Out>&>(
      pool.Add(std::make_unique<PgOperation<In, Out>>(
          pool, access, std::move(name), std::move(run))));
}

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_OPERATION_H_

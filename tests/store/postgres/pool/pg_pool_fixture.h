#ifndef WXIDENT_TESTS_STORE_POSTGRES_POOL_PG_POOL_FIXTURE_H_
#define WXIDENT_TESTS_STORE_POSTGRES_POOL_PG_POOL_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/identity/error.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "tests/base/fake_clock.h"

namespace wxident {

// Counts of what a database saw, and what it shall answer.
struct FakeDatabase {
  std::atomic<int> connects = 0;
  std::atomic<int> open = 0;
  std::atomic<int> most = 1000;
  std::atomic<bool> reachable = true;
  std::atomic<bool> read_only = false;
  // Whether statements without an answer have been dealt with.
  std::atomic<bool> settled = false;
};

class FakeSession final : public SqlSession {
 public:
  explicit FakeSession(FakeDatabase& database) : database_(database) {
    ++database_.open;
  }
  ~FakeSession() override { --database_.open; }
  absl::StatusOr<SqlRows> Execute(const char*,
                                  const std::vector<std::string>&) override {
    return SqlRows({{database_.read_only ? "on" : "off"}});
  }
  absl::Status Transact(absl::FunctionRef<absl::Status()> steps) override {
    return steps();
  }
  bool Settled() override { return database_.settled; }

 private:
  FakeDatabase& database_;
};

class FakeConnector final : public SqlConnector {
 public:
  explicit FakeConnector(FakeDatabase& database) : database_(database) {}
  absl::StatusOr<std::unique_ptr<SqlSession>> Connect() override {
    ++database_.connects;
    if (!database_.reachable) return absl::UnavailableError("down");
    if (database_.open >= database_.most) return absl::UnavailableError("full");
    return std::make_unique<FakeSession>(database_);
  }

 private:
  FakeDatabase& database_;
};

// A gate that a run waits at until the test opens it.
class Gate {
 public:
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void AwaitWaiters(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

// Collects answers and waits for them.
class Answers {
 public:
  Done<int> Next() {
    return [this](absl::StatusOr<int> answer) {
      std::lock_guard<std::mutex> lock(mutex_);
      all_.push_back(std::move(answer));
      changed_.notify_all();
    };
  }
  std::vector<absl::StatusOr<int>> Await(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return all_.size() >= count; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<absl::StatusOr<int>> all_;
};

using Items = PgItems<int, int>;
using Op = PgOperation<int, int>;

inline absl::Status Echo(SqlSession&, const Items& items) {
  for (auto* item : items) item->out = item->in;
  return absl::OkStatus();
}

class PgPoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<PgPool> MakePool(int workers, int queue_limit = 100) {
    PgPool::Options options;
    options.workers = workers;
    options.queue_limit = queue_limit;
    return std::make_unique<PgPool>(std::make_unique<FakeConnector>(database_),
                                    options, clock_, metrics_);
  }
  Op& AddRead(PgPool& pool, Op::RunFn run) {
    return AddPgOperation<int, int>(pool, PgPool::Access::kRead, "read",
                                    std::move(run));
  }
  Op& AddWrite(PgPool& pool, Op::RunFn run) {
    return AddPgOperation<int, int>(pool, PgPool::Access::kWrite, "write",
                                    std::move(run));
  }
  // The answer to one request that no other runs beside.
  absl::StatusOr<int> Ask(Op& op) {
    Answers one;
    op.Submit(1, Soon(), one.Next());
    return one.Await(1)[0];
  }
  absl::Status AskPing(PgPool& pool) {
    Answers one;
    pool.Ping(Soon(), [done = one.Next()](absl::Status status) mutable {
      if (status.ok())
        std::move(done)(1);
      else
        std::move(done)(std::move(status));
    });
    return one.Await(1)[0].status();
  }
  Deadline Soon() { return Deadline::After(absl::Seconds(5), clock_); }

  FakeDatabase database_;
  FakeClock clock_;
  Metrics metrics_;
  Answers answers_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_STORE_POSTGRES_POOL_PG_POOL_FIXTURE_H_

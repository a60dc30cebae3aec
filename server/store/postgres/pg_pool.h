#ifndef WXIDENT_SERVER_STORE_POSTGRES_PG_POOL_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PG_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/base/metrics.h"
#include "server/store/postgres/sql_session.h"

namespace wxident {

// The threads that talk to the database, one connection each. Requests of one
// kind wait in one bounded queue; a free worker takes all that wait there, up
// to batch_limit, and runs them as one statement. There is no timer: when
// workers are free nothing waits, and batches grow by themselves under load.
// Workers take the kinds in turn, so that none starves another.
//
// A lost connection is replaced and the statement run once more: every
// operation gives the same result when repeated (RecordSignIn is found by its
// token hash, saves compare times or generations, a revocation stays one). If
// the database cannot be reached, requests fail at once with STORE_UNAVAILABLE
// while one worker at a time tries again, after 50 ms and then ever later.
//
// Everything given to the constructor or captured by an operation must outlive
// the pool. Thread-safe.
class PgPool {
 public:
  struct Options {
    int workers = 8;
    // How many requests of one kind may wait.
    int queue_limit = 1024;
    int batch_limit = 64;
  };

  // One request.
  class Job {
   public:
    explicit Job(Deadline deadline) : deadline(deadline) {}
    virtual ~Job() = default;

    // Reports what Run left for this job, and returns its status. One of the
    // two is called, once.
    virtual absl::Status Answer() = 0;
    virtual void Fail(absl::Status status) = 0;

    const Deadline deadline;
    absl::Duration submitted = absl::ZeroDuration();
  };

  // One kind of request.
  class Operation {
   public:
    explicit Operation(std::string name) : name(std::move(name)) {}
    virtual ~Operation() = default;

    // Runs all `jobs`, leaving each its answer. An error is of the whole run
    // (its codes: SqlSession); no job has been answered then, and the run may
    // be repeated. Called by one worker at a time or by several at once.
    virtual absl::Status Run(SqlSession& session,
                             const std::vector<Job*>& jobs) = 0;

    const std::string name;

   private:
    friend class PgPool;
    std::deque<std::unique_ptr<Job>> waiting_;  // guarded by PgPool::mutex_
  };

  // `clock` and `metrics` must outlive the pool. Connects when first needed.
  PgPool(std::unique_ptr<SqlConnector> connector, Options options, Clock& clock,
         Metrics& metrics);
  // Finishes what waits, then ends the threads. What is submitted meanwhile
  // fails with STORE_UNAVAILABLE.
  ~PgPool();
  PgPool(const PgPool&) = delete;
  PgPool& operator=(const PgPool&) = delete;

  // Takes a kind of request in; it lives as long as the pool.
  Operation& Add(std::unique_ptr<Operation> operation);

  // May complete the job inline: OVERLOADED when its queue is full.
  void Submit(Operation& operation, std::unique_ptr<Job> job);

  // OK when the database answers.
  void Ping(Deadline deadline, DoneStatus done);

 private:
  struct Worker {
    std::unique_ptr<SqlSession> session;
    std::minstd_rand random;
    std::thread thread;
  };
  struct Batch {
    Operation* operation = nullptr;
    std::vector<std::unique_ptr<Job>> jobs;
  };

  void Work(Worker& worker);
  // Waits for work. No operation: the pool ends.
  Batch Take();
  void Serve(Batch batch, Worker& worker);
  // Runs one batch with all its repetitions.
  absl::Status Run(Operation& operation, const std::vector<Job*>& jobs,
                   Worker& worker);
  absl::Status Connect(Worker& worker);
  void Finish(const Operation& operation, Job& job, const absl::Status& status);
  void Fail(const Operation& operation, Job& job, absl::Status status);
  void Observe(const Operation& operation, const Job& job,
               const absl::Status& status);
  bool AllPassed(const std::vector<Job*>& jobs);

  const std::unique_ptr<SqlConnector> connector_;
  const Options options_;
  Clock& clock_;
  Metrics& metrics_;

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::unique_ptr<Operation>> operations_;
  // Whose turn it is.
  size_t next_ = 0;
  bool ending_ = false;
  // Failed attempts to connect in a row, and when the next may be made.
  int failures_ = 0;
  absl::Duration retry_at_ = absl::ZeroDuration();

  Operation* ping_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PG_POOL_H_

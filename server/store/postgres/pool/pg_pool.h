#ifndef WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_POOL_H_
#define WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_POOL_H_

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
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
#include "server/store/postgres/pool/back_off.h"
#include "server/store/postgres/pool/pg_gate.h"
#include "server/store/postgres/pool/pg_links.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// The threads that talk to the database. Requests of one kind wait in one
// bounded queue; a free worker takes all that wait there, up to batch_limit,
// and runs them as one statement. There is no timer: when workers are free
// nothing waits, and batches grow by themselves under load. Workers take the
// kinds in turn, so that none starves another; what writes may occupy half of
// them (and of the connections), so that reads go on when commits hang.
//
// Connections are made when there is work for them, one at a time, and belong
// to no worker: with fewer than there are workers the pool serves as well.
// Those not needed for a minute are closed, but for one.
//
// A lost connection is replaced and the statement run once more: every
// operation gives the same result when repeated (RecordSignIn is found by its
// token hash, saves compare times or generations, a revocation stays one).
//
// Whoever cannot be served fails at once with STORE_UNAVAILABLE, also what
// already waits:
//   - all, while there is no connection; the next try is made after 50 ms and
//     then ever later, up to a second;
//   - reads, or writes, from when a statement of theirs got no answer in time
//     until another one does; one run at a time tries, over a new connection. A
//     connection on which a write got no answer is kept and listened to: its
//     backend may wait for a synchronous standby, and once it has been answered
//     the others will be. While as many are kept as may write at once, and one
//     more, no further write is tried, so that they do not use up the
//     database's connections;
//   - writes, while the database is read-only. Each second at most, a new
//     connection shows whether it still is.
// Requests whose deadline passes while they wait fail then. What is wrong is
// logged, once for each change.
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

  // What an operation does to the database. Whoever locks rows writes.
  enum class Access { kRead, kWrite };

  // One kind of request.
  class Operation {
   public:
    Operation(Access access, std::string name)
        : access(access), name(std::move(name)) {}
    virtual ~Operation() = default;

    // Runs all `jobs`, leaving each its answer. An error is of the whole run
    // (its codes: SqlSession); no job has been answered then, and the run may
    // be repeated. Called by one worker at a time or by several at once.
    virtual absl::Status Run(SqlSession& session,
                             const std::vector<Job*>& jobs) = 0;

    const Access access;
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

  // May complete the job inline: OVERLOADED when its queue is full,
  // STORE_UNAVAILABLE when the database cannot be asked just now.
  void Submit(Operation& operation, std::unique_ptr<Job> job);

  // OK when the database answers and, as far as is known, takes writes.
  void Ping(Deadline deadline, DoneStatus done);

 private:
  struct Batch {
    Operation* operation = nullptr;
    std::vector<std::unique_ptr<Job>> jobs;
    // Without a session: one is to be made.
    PgLink link;
    bool probe = false;
  };

  // What the threads do: workers serve; one thread fails what cannot be served.
  void Work();
  void Tend();

  // With mutex_ held.
  PgGate& GateOf(Access access) { return gates_[static_cast<size_t>(access)]; }
  int& RunningOf(Access access) {
    return running_[static_cast<size_t>(access)];
  }
  bool Hopeless(Access access, absl::Duration now);
  // As many writes hang as may be found out about.
  bool Exhausted(Access access) const;
  bool NothingWaits() const;
  // The next batch, with a connection unless it is a probe. No operation: there
  // is nothing to be done, or `*wants_link`.
  Batch Take(absl::Duration now, bool* wants_link);
  void SetDepth(const Operation& operation);
  int MaxWriters() const;
  // Those that cannot be served or have no more use for it, out of the queues.
  std::vector<std::pair<Operation*, std::unique_ptr<Job>>> TakeHopeless();
  // Whether a write that hung has been dealt with.
  bool TakeSettled();

  // Makes a connection; `lock` holds mutex_, and not meanwhile.
  absl::Status Dial(std::unique_lock<std::mutex>& lock, PgLink* link);
  void ProbeWritable(std::unique_lock<std::mutex>& lock);

  void Serve(Batch batch);
  absl::Status RunAll(Batch& batch, const std::vector<Job*>& jobs);
  // Runs some of a batch's jobs with all repetitions.
  absl::Status Run(Batch& batch, const std::vector<Job*>& jobs);
  absl::Status Redial(PgLink* link);
  // The batch's connection is lost, or hangs. Whether to run it once more.
  bool Broken(Batch& batch, bool hangs);
  void Answered(Batch& batch, const absl::Status& status);
  static void LogAnswers(Access access);

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
  // There may be work for workers, or a connection for who waits for one.
  std::condition_variable arrived_;
  // There may be something to fail.
  std::condition_variable tend_;
  std::vector<std::unique_ptr<Operation>> operations_;
  // Whose turn it is.
  size_t next_ = 0;
  bool ending_ = false;
  bool ended_ = false;
  PgLinks links_;
  std::array<PgGate, 2> gates_;
  std::array<int, 2> running_{};
  // Writes without an answer, which may come yet.
  std::vector<std::unique_ptr<SqlSession>> unanswered_;
  bool read_only_ = false;
  BackOff writable_;
  // Why no connection came about last; empty when one did.
  std::string dial_trouble_;

  Operation* ping_;
  std::vector<std::thread> workers_;
  std::thread tender_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_POOL_PG_POOL_H_

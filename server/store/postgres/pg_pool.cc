#include "server/store/postgres/pg_pool.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "server/base/log.h"
#include "server/identity/error.h"
#include "server/store/postgres/pg_operation.h"

namespace wxident {
namespace {

constexpr int kConflictRuns = 3;
constexpr absl::Duration kFirstBackOff = absl::Milliseconds(50);
// With the time that a connection takes, it keeps recovery below 2 s.
constexpr absl::Duration kLastBackOff = absl::Seconds(1);
// While one worker tries to connect after a failure the others do not; should
// it hang (libpq's connect_timeout is 2 s), another may try.
constexpr absl::Duration kOneAttempt = absl::Seconds(2);

absl::Status StoreUnavailable() {
  return Error(Reason::kStoreUnavailable,
               "the database could not be asked; retry")
      .RetryAfter(absl::Milliseconds(100))
      .ToStatus();
}

absl::Status DeadlinePassed() {
  return Error(Reason::kDeadlinePassed,
               "the deadline passed before the database was asked")
      .ToStatus();
}

// From a SqlSession's status to what callers get.
absl::Status ToDomain(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return DeadlinePassed();
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return StoreUnavailable();
    default:
      return Error(Reason::kInternalFault, "the store failed; report it")
          .ToStatus();
  }
}

// Between half of `most` and all of it.
absl::Duration Jitter(absl::Duration most, std::minstd_rand& random) {
  return most * std::uniform_real_distribution<double>(0.5, 1)(random);
}

}  // namespace

PgPool::PgPool(std::unique_ptr<SqlConnector> connector, Options options,
               Clock& clock, Metrics& metrics)
    : connector_(std::move(connector)),
      options_(options),
      clock_(clock),
      metrics_(metrics) {
  ping_ = &AddPgOperation<Nothing, Nothing>(
      *this, "ping",
      [](SqlSession& session, const PgItems<Nothing, Nothing>& items) {
        const auto rows = session.Execute("SELECT 1", {});
        if (!rows.ok()) return rows.status();
        for (auto* item : items) item->out = Nothing();
        return absl::OkStatus();
      });
  std::random_device seed;
  for (int i = 0; i < options_.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    Worker& worker = *workers_.back();
    worker.random.seed(seed());
    worker.thread = std::thread([this, &worker] { Work(worker); });
  }
}

PgPool::~PgPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_all();
  for (auto& worker : workers_) worker->thread.join();
}

PgPool::Operation& PgPool::Add(std::unique_ptr<Operation> operation) {
  std::lock_guard<std::mutex> lock(mutex_);
  operations_.push_back(std::move(operation));
  return *operations_.back();
}

void PgPool::Submit(Operation& operation, std::unique_ptr<Job> job) {
  job->submitted = clock_.Monotonic();
  absl::Status refused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (ending_) {
      refused = StoreUnavailable();
    } else if (operation.waiting_.size() >=
               static_cast<size_t>(options_.queue_limit)) {
      refused = Error(Reason::kOverloaded,
                      "too many requests wait for the database; retry later")
                    .RetryAfter(absl::Milliseconds(100))
                    .ToStatus();
    } else {
      operation.waiting_.push_back(std::move(job));
      metrics_.Set("wxident_store_queue_depth", {{"operation", operation.name}},
                   static_cast<double>(operation.waiting_.size()));
    }
  }
  if (refused.ok())
    arrived_.notify_one();
  else
    Fail(operation, *job, std::move(refused));
}

void PgPool::Ping(Deadline deadline, DoneStatus done) {
  static_cast<PgOperation<Nothing, Nothing>*>(ping_)->Submit(
      Nothing(), deadline, WithNothing(std::move(done)));
}

void PgPool::Work(Worker& worker) {
  for (;;) {
    Batch batch = Take();
    if (batch.operation == nullptr) return;
    Serve(std::move(batch), worker);
  }
}

PgPool::Batch PgPool::Take() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    for (size_t i = 0; i < operations_.size(); ++i) {
      const size_t turn = (next_ + i) % operations_.size();
      Operation& operation = *operations_[turn];
      if (operation.waiting_.empty()) continue;
      next_ = turn + 1;
      Batch batch;
      batch.operation = &operation;
      while (!operation.waiting_.empty() &&
             batch.jobs.size() < static_cast<size_t>(options_.batch_limit)) {
        batch.jobs.push_back(std::move(operation.waiting_.front()));
        operation.waiting_.pop_front();
      }
      metrics_.Set("wxident_store_queue_depth", {{"operation", operation.name}},
                   static_cast<double>(operation.waiting_.size()));
      return batch;
    }
    if (ending_) return {};
    arrived_.wait(lock);
  }
}

void PgPool::Serve(Batch batch, Worker& worker) {
  Operation& operation = *batch.operation;
  std::vector<Job*> jobs;
  for (auto& job : batch.jobs) {
    if (job->deadline.Passed(clock_))
      Fail(operation, *job, DeadlinePassed());
    else
      jobs.push_back(job.get());
  }
  if (jobs.empty()) return;

  const absl::Status status = Run(operation, jobs, worker);
  // One row's value, or somebody's lock on it, must not cost its neighbours
  // their answer.
  if ((absl::IsInvalidArgument(status) || absl::IsAborted(status)) &&
      jobs.size() > 1) {
    for (Job* job : jobs)
      Finish(operation, *job, Run(operation, {job}, worker));
    return;
  }
  for (Job* job : jobs) Finish(operation, *job, status);
}

absl::Status PgPool::Run(Operation& operation, const std::vector<Job*>& jobs,
                         Worker& worker) {
  int conflicts = 0;
  bool replaced = false;
  for (;;) {
    if (AllPassed(jobs)) return absl::DeadlineExceededError("");
    if (worker.session == nullptr) {
      if (absl::Status status = Connect(worker); !status.ok()) return status;
    }
    metrics_.Count("wxident_store_statements_total",
                   {{"operation", operation.name}});
    const absl::Status status = operation.Run(*worker.session, jobs);
    if (absl::IsUnavailable(status)) {
      worker.session.reset();
      if (replaced) return status;
      replaced = true;
    } else if (absl::IsAborted(status)) {
      if (++conflicts > kConflictRuns) return status;
      std::this_thread::sleep_for(absl::ToChronoMicroseconds(
          Jitter(absl::Milliseconds(5) * conflicts, worker.random)));
    } else {
      if (absl::IsInternal(status))
        Log(LogLevel::kError, "store_statement_failed",
            {{"operation", operation.name},
             {"what", std::string(status.message())}});
      return status;
    }
  }
}

absl::Status PgPool::Connect(Worker& worker) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const absl::Duration now = clock_.Monotonic();
    if (failures_ > 0) {
      if (now < retry_at_) return absl::UnavailableError("");
      retry_at_ = now + kOneAttempt;
    }
  }
  auto session = connector_->Connect();
  bool lost = false;
  bool back = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (session.ok()) {
      back = failures_ > 0;
      failures_ = 0;
    } else {
      lost = failures_ == 0;
      const absl::Duration most =
          std::min(kLastBackOff, kFirstBackOff * (1 << std::min(failures_, 8)));
      ++failures_;
      retry_at_ = clock_.Monotonic() + Jitter(most, worker.random);
    }
  }
  if (lost) Log(LogLevel::kWarning, "database_unreachable");
  if (back) Log(LogLevel::kInfo, "database_reachable_again");
  if (!session.ok()) return session.status();
  worker.session = *std::move(session);
  return absl::OkStatus();
}

void PgPool::Finish(const Operation& operation, Job& job,
                    const absl::Status& status) {
  if (!status.ok()) return Fail(operation, job, ToDomain(status));
  Observe(operation, job, job.Answer());
}

void PgPool::Fail(const Operation& operation, Job& job, absl::Status status) {
  Observe(operation, job, status);
  job.Fail(std::move(status));
}

void PgPool::Observe(const Operation& operation, const Job& job,
                     const absl::Status& status) {
  const absl::string_view outcome =
      status.ok() ? "OK" : ReasonName(DetailsOf(status).reason);
  metrics_.Observe(
      "wxident_store_operation_seconds",
      {{"operation", operation.name}, {"outcome", std::string(outcome)}},
      clock_.Monotonic() - job.submitted);
}

bool PgPool::AllPassed(const std::vector<Job*>& jobs) {
  return std::all_of(jobs.begin(), jobs.end(), [this](const Job* job) {
    return job->deadline.Passed(clock_);
  });
}

}  // namespace wxident

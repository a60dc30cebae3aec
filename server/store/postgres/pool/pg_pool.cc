#include "server/store/postgres/pool/pg_pool.h"

#include <algorithm>
#include <chrono>

#include "server/identity/error.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/postgres/pool/pool_errors.h"

namespace wxident {
namespace {

// How soon what cannot be served any more is told so.
constexpr std::chrono::milliseconds kTend{50};
constexpr absl::Duration kWritableAtLast = absl::Seconds(1);

}  // namespace

PgPool::PgPool(std::unique_ptr<SqlConnector> connector, Options options,
               Clock& clock, Metrics& metrics)
    : connector_(std::move(connector)),
      options_(options),
      clock_(clock),
      metrics_(metrics),
      links_(options.workers) {
  ping_ = &AddPgOperation<Nothing, Nothing>(
      *this, Access::kRead, "ping",
      [](SqlSession& session, const PgItems<Nothing, Nothing>& items) {
        absl::Status writable = CheckWritable(session);
        if (!writable.ok()) return writable;
        for (auto* item : items) item->out = Nothing();
        return absl::OkStatus();
      });
  for (int i = 0; i < options_.workers; ++i)
    workers_.emplace_back([this] { Work(); });
  tender_ = std::thread([this] { Tend(); });
}

PgPool::~PgPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
  }
  tend_.notify_all();
  tender_.join();
}

PgPool::Operation& PgPool::Add(std::unique_ptr<Operation> operation) {
  std::lock_guard<std::mutex> lock(mutex_);
  operations_.push_back(std::move(operation));
  return *operations_.back();
}

void PgPool::Submit(Operation& operation, std::unique_ptr<Job> job) {
  job->submitted = clock_.Monotonic();
  absl::Status refused;
  std::unique_lock<std::mutex> lock(mutex_);
  if (ending_ || Hopeless(operation.access, job->submitted)) {
    refused = StoreUnavailable();
  } else if (operation.waiting_.size() >=
             static_cast<size_t>(options_.queue_limit)) {
    refused = Error(Reason::kOverloaded,
                    "too many requests wait for the database; retry later")
                  .RetryAfter(absl::Milliseconds(100))
                  .ToStatus();
  } else {
    operation.waiting_.push_back(std::move(job));
    SetDepth(operation);
    lock.unlock();
    arrived_.notify_one();
    return;
  }
  lock.unlock();
  Fail(operation, *job, std::move(refused));
}

void PgPool::Ping(Deadline deadline, DoneStatus done) {
  auto then = [this, done = std::move(done)](absl::Status answered) mutable {
    if (answered.ok()) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (Hopeless(Access::kWrite, clock_.Monotonic()))
        answered = StoreUnavailable();
    }
    std::move(done)(std::move(answered));
  };
  static_cast<PgOperation<Nothing, Nothing>*>(ping_)->Submit(
      Nothing(), deadline, WithNothing(std::move(then)));
}

void PgPool::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    const absl::Duration now = clock_.Monotonic();
    bool wants_link = false;
    if (Batch batch = Take(now, &wants_link); batch.operation != nullptr) {
      lock.unlock();
      Serve(std::move(batch));
      lock.lock();
    } else if (ending_ && NothingWaits()) {
      return;
    } else if (read_only_ && !links_.dialing() &&
               writable_.Due(now, kWritableAtLast)) {
      ProbeWritable(lock);
    } else if (wants_link && links_.MayDial(now)) {
      PgLink link;
      if (Dial(lock, &link).ok())
        links_.GiveBack(std::move(link), clock_.Monotonic());
    } else {
      arrived_.wait(lock);
    }
  }
}

void PgPool::Tend() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ended_) {
    tend_.wait_for(lock, kTend);
    PgGate& writes = GateOf(Access::kWrite);
    const bool settled = TakeSettled() && writes.closed();
    if (settled) writes.Open();
    auto hopeless = TakeHopeless();
    links_.DropUnneeded(clock_.Monotonic());
    metrics_.Set("wxident_store_connections", {{"state", "open"}},
                 links_.count());
    metrics_.Set("wxident_store_connections", {{"state", "unanswered"}},
                 static_cast<double>(unanswered_.size()));
    const bool waits = !NothingWaits() || ending_ || read_only_;
    lock.unlock();
    if (settled) LogAnswers(Access::kWrite);
    // What a back-off held back may be due.
    if (waits) arrived_.notify_all();
    for (auto& [operation, job] : hopeless)
      Fail(
          *operation, *job,
          job->deadline.Passed(clock_) ? DeadlinePassed() : StoreUnavailable());
    hopeless.clear();
    lock.lock();
  }
}

bool PgPool::Hopeless(Access access, absl::Duration now) {
  if (links_.Down(now)) return true;
  if (access == Access::kWrite && read_only_) return true;
  const PgGate& gate = GateOf(access);
  if (!gate.closed()) return false;
  // A probe needs a connection of its own.
  return !gate.Passes(now) || Exhausted(access) ||
         !(links_.MayDial(now) || links_.dialing() || links_.full());
}

bool PgPool::Exhausted(Access access) const {
  return access == Access::kWrite &&
         static_cast<int>(unanswered_.size()) > MaxWriters();
}

bool PgPool::NothingWaits() const {
  return std::all_of(
      operations_.begin(), operations_.end(),
      [](const auto& operation) { return operation->waiting_.empty(); });
}

PgPool::Batch PgPool::Take(absl::Duration now, bool* wants_link) {
  Batch batch;
  for (size_t i = 0; i < operations_.size(); ++i) {
    const size_t turn = (next_ + i) % operations_.size();
    Operation& operation = *operations_[turn];
    const Access access = operation.access;
    if (operation.waiting_.empty() || Hopeless(access, now) ||
        (access == Access::kWrite && RunningOf(access) >= MaxWriters()))
      continue;
    if (PgGate& gate = GateOf(access); gate.closed()) {
      if (links_.full()) links_.DropOldestFree();
      if (!links_.MayDial(now)) continue;
      gate.BeginProbe();
      batch.probe = true;
    } else {
      *wants_link = !links_.has_free();
      if (*wants_link) continue;
      batch.link = links_.Take();
    }
    batch.operation = &operation;
    ++RunningOf(access);
    next_ = turn + 1;
    auto& waiting = operation.waiting_;
    while (!waiting.empty() &&
           batch.jobs.size() < static_cast<size_t>(options_.batch_limit)) {
      batch.jobs.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    SetDepth(operation);
    return batch;
  }
  return batch;
}

void PgPool::SetDepth(const Operation& operation) {
  metrics_.Set("wxident_store_queue_depth", {{"operation", operation.name}},
               static_cast<double>(operation.waiting_.size()));
}

int PgPool::MaxWriters() const {
  const int all = links_.AtMost();
  return std::max(1, std::min((all + 1) / 2, all - 1));
}

std::vector<std::pair<PgPool::Operation*, std::unique_ptr<PgPool::Job>>>
PgPool::TakeHopeless() {
  const absl::Duration now = clock_.Monotonic();
  std::vector<std::pair<Operation*, std::unique_ptr<Job>>> taken;
  for (const auto& operation : operations_) {
    auto& waiting = operation->waiting_;
    if (waiting.empty()) continue;
    const bool all = Hopeless(operation->access, now);
    std::deque<std::unique_ptr<Job>> left;
    for (auto& job : waiting) {
      if (all || job->deadline.Passed(clock_))
        taken.emplace_back(operation.get(), std::move(job));
      else
        left.push_back(std::move(job));
    }
    if (left.size() == waiting.size()) {
      waiting = std::move(left);
      continue;
    }
    waiting = std::move(left);
    SetDepth(*operation);
  }
  return taken;
}

bool PgPool::TakeSettled() {
  const auto settled =
      std::remove_if(unanswered_.begin(), unanswered_.end(),
                     [](const auto& session) { return session->Settled(); });
  if (settled == unanswered_.end()) return false;
  unanswered_.erase(settled, unanswered_.end());
  return true;
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

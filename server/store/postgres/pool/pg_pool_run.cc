// How a PgPool runs a batch, and what it learns of the database thereby.

#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/backoff.h"
#include "server/base/log.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "server/store/postgres/pool/pool_errors.h"

namespace wxident {
namespace {

constexpr int kConflictRuns = 3;
// How long a batch that must run one by one may occupy its worker, until those
// that are left fail: each may wait for a lock.
constexpr absl::Duration kOneByOneFor = absl::Seconds(2);

const char* NameOf(PgPool::Access access) {
  return access == PgPool::Access::kRead ? "reads" : "writes";
}

// Between half of `most` and all of it.
void SleepUpTo(absl::Duration most) {
  std::this_thread::sleep_for(
      absl::ToChronoMicroseconds(Jittered(most, 0.5, 1, Chance())));
}

}  // namespace

void PgPool::Serve(Batch batch) {
  Operation& operation = *batch.operation;
  std::vector<Job*> jobs;
  for (auto& job : batch.jobs) {
    if (job->deadline.Passed(clock_))
      Fail(operation, *job, DeadlinePassed());
    else
      jobs.push_back(job.get());
  }
  if (!jobs.empty()) {
    const absl::Duration began = clock_.Monotonic();
    const absl::Status status = Run(batch, jobs);
    // One row's value, or somebody's lock on it, must not cost its neighbours
    // their answer.
    const bool one_by_one =
        jobs.size() > 1 &&
        (absl::IsInvalidArgument(status) || absl::IsAborted(status));
    for (Job* job : jobs) {
      if (!one_by_one)
        Finish(operation, *job, status);
      else if (clock_.Monotonic() - began < kOneByOneFor)
        Finish(operation, *job, Run(batch, {job}));
      else
        Fail(operation, *job, StoreUnavailable());
    }
  }
  std::lock_guard<std::mutex> lock(mutex_);
  if (batch.link.session != nullptr)
    links_.GiveBack(std::move(batch.link), clock_.Monotonic());
  if (batch.probe) GateOf(operation.access).EndProbe();
  --RunningOf(operation.access);
}

absl::Status PgPool::Run(Batch& batch, const std::vector<Job*>& jobs) {
  Operation& operation = *batch.operation;
  int conflicts = 0;
  bool replaced = false;
  while (true) {
    if (AllPassed(jobs)) return absl::DeadlineExceededError("");
    if (batch.link.session == nullptr) {
      if (absl::Status status = Redial(&batch.link); !status.ok())
        return absl::UnavailableError("");
    }
    metrics_.Count("wxident_store_statements_total",
                   {{"operation", operation.name}});
    absl::Status status = operation.Run(*batch.link.session, jobs);
    const bool hangs = absl::IsDeadlineExceeded(status);
    if (hangs || absl::IsUnavailable(status)) {
      if (!Broken(batch, hangs) || replaced) return absl::UnavailableError("");
      replaced = true;
      continue;
    }
    if (batch.probe && operation.access == Access::kWrite && status.ok()) {
      // It may have written nothing, and then its commit waited for nobody.
      const absl::Status commits = CheckCommits(*batch.link.session);
      if (absl::IsDeadlineExceeded(commits) || absl::IsUnavailable(commits)) {
        Broken(batch, absl::IsDeadlineExceeded(commits));
        return status;
      }
      if (!commits.ok()) return status;
    }
    Answered(batch, status);
    if (absl::IsInternal(status))
      Log(LogLevel::kError, "store_statement_failed",
          {{"operation", operation.name},
           {"what", std::string(status.message())}});
    if (!absl::IsAborted(status) || ++conflicts > kConflictRuns) return status;
    SleepUpTo(absl::Milliseconds(5) * conflicts);
  }
}

absl::Status PgPool::Redial(PgLink* link) {
  std::unique_lock<std::mutex> lock(mutex_);
  arrived_.wait(lock, [this] { return !links_.dialing(); });
  if (!links_.MayDial(clock_.Monotonic())) return absl::UnavailableError("");
  return Dial(lock, link);
}

absl::Status PgPool::Dial(std::unique_lock<std::mutex>& lock, PgLink* link) {
  links_.BeginDial();
  lock.unlock();
  auto session = connector_->Connect();
  absl::Status status = session.status();
  lock.lock();
  const int others = links_.count();
  std::string trouble;
  if (session.ok()) {
    bool first = false;
    *link = links_.Dialled(*std::move(session), &first);
    if (first) {
      // What hung was of a database that was away since.
      unanswered_.clear();
      for (PgGate& gate : gates_) gate.Open();
    }
  } else {
    links_.DialFailed(clock_.Monotonic());
    trouble = absl::StrCat(others > 0 ? "for one more connection: " : "",
                           status.message());
  }
  const bool changed = trouble != dial_trouble_;
  dial_trouble_ = trouble;
  lock.unlock();
  arrived_.notify_all();
  tend_.notify_one();
  if (changed && trouble.empty())
    Log(LogLevel::kInfo, "database_reachable_again");
  else if (changed)
    Log(LogLevel::kWarning, "database_unreachable", {{"why", trouble}});
  lock.lock();
  return status;
}

void PgPool::ProbeWritable(std::unique_lock<std::mutex>& lock) {
  // The place of one that leads to where nothing can be written.
  if (links_.full()) links_.DropOldestFree();
  PgLink link;
  absl::Status writable = absl::UnavailableError("");
  if (links_.MayDial(clock_.Monotonic())) writable = Dial(lock, &link);
  if (writable.ok()) {
    lock.unlock();
    writable = CheckWritable(*link.session);
    lock.lock();
    if (writable.ok()) {
      const bool back = read_only_;
      read_only_ = false;
      writable_.Succeed();
      links_.Renew();
      link.age = links_.age();
      links_.GiveBack(std::move(link), clock_.Monotonic());
      lock.unlock();
      if (back) Log(LogLevel::kInfo, "database_writable_again");
      lock.lock();
      return;
    }
    links_.Lose();
  }
  writable_.Fail(clock_.Monotonic());
}

bool PgPool::Broken(Batch& batch, bool hangs) {
  const Access access = batch.operation->access;
  bool first = false;
  bool again = true;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    PgGate& gate = GateOf(access);
    links_.Lose();
    // Those that are free may have gone the same way; but commits hang where
    // reads do not.
    if (!hangs || access == Access::kRead) links_.DropFree();
    if (hangs && access == Access::kWrite)
      unanswered_.push_back(std::move(batch.link.session));
    batch.link = PgLink();
    if (hangs || batch.probe) {
      // Of many that hang at once, one finds out.
      first = hangs && !gate.closed();
      if (first || batch.probe) gate.Close(clock_.Monotonic());
      again = first;
      batch.probe = first;
      if (first) gate.BeginProbe();
    }
  }
  tend_.notify_one();
  if (first)
    Log(LogLevel::kWarning, "database_hangs", {{"requests", NameOf(access)}});
  return again;
}

void PgPool::Answered(Batch& batch, const absl::Status& status) {
  const Access access = batch.operation->access;
  const bool read_only = absl::IsFailedPrecondition(status);
  bool opened = false;
  bool turned = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    PgGate& gate = GateOf(access);
    // A write that met a lock or a time-out has not shown that commits end.
    if (gate.closed() &&
        (access == Access::kRead || (batch.probe && status.ok()))) {
      gate.Open();
      batch.probe = false;
      opened = true;
    }
    if (read_only && !read_only_) {
      read_only_ = turned = true;
      writable_.Fail(clock_.Monotonic());
      // Older ones may lead elsewhere, and tell otherwise.
      links_.Renew();
    } else if (read_only_ && status.ok() &&
               (access == Access::kWrite || batch.operation == ping_)) {
      read_only_ = false;
      writable_.Succeed();
      turned = true;
    }
  }
  if (opened) {
    tend_.notify_one();
    LogAnswers(access);
  }
  if (turned)
    Log(read_only ? LogLevel::kWarning : LogLevel::kInfo,
        read_only ? "database_read_only" : "database_writable_again");
}

void PgPool::LogAnswers(Access access) {
  Log(LogLevel::kInfo, "database_answers_again",
      {{"requests", NameOf(access)}});
}

}  // namespace wxident

#include "server/audit/audit_queue.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

// Together less than the second that callers are promised.
constexpr absl::Duration kMostWait = absl::Milliseconds(800);
constexpr absl::Duration kWatch = absl::Milliseconds(100);
// After a write that took longer, a thread with calls to serve does not wait
// for the next. A busy machine alone puts a thread aside for less.
constexpr absl::Duration kQuick = absl::Milliseconds(5);
// Nor do its turns wait for longer.
constexpr absl::Duration kLongTurn = absl::Milliseconds(50);
// So many notes are written without waiting for the next look.
constexpr size_t kManyNotes = 256;

absl::Status UnavailableError() {
  return Error(Reason::kAuditUnavailable,
               "the audit log cannot be written, so nothing is released; retry "
               "later")
      .ToStatus();
}

void RefuseAll(std::vector<DoneStatus>& all) {
  for (DoneStatus& done : all) std::move(done)(UnavailableError());
}

}  // namespace

AuditQueue::AuditQueue(std::string path, size_t limit,
                       std::unique_ptr<AuditWriter> writer, Clock& clock,
                       Metrics& metrics)
    : path_(std::move(path)),
      limit_(limit),
      clock_(clock),
      lines_(metrics.CounterOf("wxident_audit_lines_total", {})),
      dropped_(metrics.CounterOf("wxident_audit_dropped_total", {})),
      refused_(metrics.CounterOf("wxident_audit_refused_total", {})),
      writer_(std::move(writer)),
      regular_(writer_->IsRegular()) {}

void AuditQueue::Write(AuditEntry entry, DoneStatus done) {
  const absl::Time time = clock_.Now();
  Outcome outcome;
  MutexLock lock(mutex_);
  if (Take({std::move(entry), time}, {.done = std::move(done)}, outcome))
    return Wake();
  lock.Unlock();
  Tell(std::move(outcome));
}

void AuditQueue::Note(AuditEntry entry) {
  const absl::Time time = clock_.Now();
  Outcome outcome;
  MutexLock lock(mutex_);
  Take({std::move(entry), time}, {.note = true}, outcome);
  if (waiting_.items.size() >= kManyNotes) Wake();
  lock.Unlock();
  Tell(std::move(outcome));
}

AuditQueue::Outcome AuditQueue::EndTurn(AuditBatch batch,
                                        std::weak_ptr<Turns> turns) {
  Outcome outcome;
  MutexLock lock(mutex_);
  if (ended_ || abandoned_) {
    outcome.over = true;
    batch.TakeLate(absl::InfiniteDuration(), outcome.refused);
    return outcome;
  }
  const absl::Time time = clock_.Now();
  bool awaited = false;
  for (size_t i = 0; i < batch.items.size(); ++i) {
    batch.items[i].time = time;
    awaited |=
        Take(std::move(batch.items[i]), std::move(batch.waiters[i]), outcome);
  }
  if (!awaited) {
    if (waiting_.items.size() >= kManyNotes) Wake();
    return outcome;
  }
  if (write_began_.has_value() || IsForThread() || slow_ || !regular_) {
    Wake();
    return outcome;
  }
  held_up_ = std::move(turns);
  Outcome written = WriteWaiting();
  if (!written.over && IsForThread()) work_.NotifyOne();
  for (DoneStatus& done : outcome.refused)
    written.refused.push_back(std::move(done));
  written.dropped += outcome.dropped;
  return written;
}

bool AuditQueue::Take(AuditWriter::Item item, AuditWaiter waiter,
                      Outcome& outcome) {
  const bool note = waiter.note;
  if (IsFull() || (stuck_ && !note)) {
    if (note) {
      ++missing_;
      ++outcome.dropped;
    } else {
      outcome.refused.push_back(std::move(waiter.done));
    }
    return false;
  }
  if (!note) waiter.until = clock_.Monotonic() + kMostWait;
  waiting_.Add(std::move(item), std::move(waiter));
  return !note;
}

void AuditQueue::Wake() {
  // Who writes looks for what is due when it has written.
  if (!std::exchange(due_, true) && !write_began_.has_value())
    work_.NotifyOne();
}

void AuditQueue::Run() {
  MutexLock lock(mutex_);
  bool last = false;
  while (!last) {
    while (!abandoned_ && (write_began_.has_value() || !IsForThread()))
      work_.Wait(mutex_);
    if (abandoned_) return;
    last = ending_;
    if (last) writer_->Stop();
    Outcome outcome = WriteWaiting();
    if (outcome.over) return;
    lock.Unlock();
    Tell(std::move(outcome));
    lock.Lock();
  }
  ended_ = true;
  changed_.NotifyAll();
  over_.NotifyAll();
}

AuditQueue::Outcome AuditQueue::WriteWaiting() {
  AuditBatch batch = std::exchange(waiting_, {});
  in_write_ = std::move(batch.waiters);
  // Threads that work in turns do not come here when Reopen asks.
  const bool asked = std::exchange(reopen_, false);
  const uint64_t told = missing_;
  const absl::Duration began = clock_.Monotonic();
  const absl::Time now = clock_.Now();
  due_ = false;
  write_began_ = began;
  mutex_.Unlock();
  std::optional<absl::Status> answer;
  if (asked) answer = writer_->Reopen();
  const AuditWriter::Appended appended =
      writer_->Append(batch.items, told, now);

  mutex_.Lock();
  if (abandoned_) return {.over = true};
  write_began_.reset();
  held_up_.reset();
  slow_ = clock_.Monotonic() - began > kQuick;
  regular_ = writer_->IsRegular();
  stuck_ = false;
  if (asked) reopened_ = std::move(answer);
  if (appended.told_missing) missing_ -= told;
  Outcome outcome = Sort(appended, batch.items.size());
  missing_ += outcome.dropped;
  changed_.NotifyAll();
  return outcome;
}

AuditQueue::Outcome AuditQueue::Sort(const AuditWriter::Appended& appended,
                                     size_t items) {
  Outcome outcome;
  outcome.lines = appended.items;
  for (size_t i = 0; i < items; ++i) {
    AuditWaiter& waiter = in_write_[i];
    const bool stands = i < appended.items;
    if (waiter.done != nullptr)
      (stands ? outcome.written : outcome.refused)
          .push_back(std::move(waiter.done));
    else if (!stands && waiter.note)
      ++outcome.dropped;
  }
  in_write_.clear();
  const bool fails = !appended.error.empty();
  if (fails != std::exchange(failing_, fails)) outcome.fault = appended.error;
  return outcome;
}

void AuditQueue::Tell(Outcome outcome) {
  if (!outcome.over) {
    if (outcome.lines > 0) lines_.Add(static_cast<double>(outcome.lines));
    if (outcome.dropped > 0) dropped_.Add(static_cast<double>(outcome.dropped));
    if (!outcome.refused.empty())
      refused_.Add(static_cast<double>(outcome.refused.size()));
  }
  for (DoneStatus& done : outcome.written) std::move(done)(absl::OkStatus());
  RefuseAll(outcome.refused);
  if (!outcome.fault.has_value()) return;
  if (outcome.fault->empty())
    Log(LogLevel::kInfo, "audit log is written again", {{"file", path_}});
  else
    Log(LogLevel::kError, "audit log cannot be written",
        {{"file", path_}, {"error", *outcome.fault}});
}

std::vector<DoneStatus> AuditQueue::TakeLate(absl::Duration now) {
  std::vector<DoneStatus> late;
  for (AuditWaiter& waiter : in_write_)
    if (waiter.IsLate(now)) late.push_back(std::exchange(waiter.done, nullptr));
  waiting_.TakeLate(now, late);
  return late;
}

void AuditQueue::Watch() {
  MutexLock lock(mutex_);
  while (true) {
    // A wait that ends early makes this look early, which does no harm.
    if (!ended_ && !abandoned_) over_.WaitFor(mutex_, kWatch);
    if (ended_ || abandoned_) return;
    const absl::Duration now = clock_.Monotonic();
    const bool was_stuck = stuck_;
    Outcome late{.refused = TakeLate(now)};
    stuck_ = write_began_.has_value() &&
             (!late.refused.empty() || now - *write_began_ >= kMostWait);
    // For notes, of which nobody else thinks.
    if (!waiting_.items.empty()) Wake();
    std::shared_ptr<Turns> overtaken;
    if (write_began_.has_value() && now - *write_began_ >= kLongTurn)
      overtaken = std::exchange(held_up_, {}).lock();
    if (stuck_) changed_.NotifyAll();
    const bool hangs = stuck_ && !was_stuck;
    lock.Unlock();
    if (overtaken != nullptr) overtaken->Overtake();
    if (hangs) Log(LogLevel::kError, "audit log hangs", {{"file", path_}});
    Tell(std::move(late));
    overtaken.reset();
    lock.Lock();
  }
}

bool AuditQueue::End() {
  MutexLock lock(mutex_);
  ending_ = true;
  work_.NotifyOne();
  while (!ended_ && !stuck_) changed_.Wait(mutex_);
  if (ended_) return true;
  abandoned_ = true;
  Outcome late{.refused = TakeLate(absl::InfiniteDuration()), .over = true};
  work_.NotifyOne();
  over_.NotifyAll();
  lock.Unlock();
  Tell(std::move(late));
  return false;
}

absl::Status AuditQueue::Reopen() {
  MutexLock lock(mutex_);
  reopened_.reset();
  reopen_ = true;
  work_.NotifyOne();
  while (!reopened_.has_value() && !stuck_) changed_.Wait(mutex_);
  if (!reopened_.has_value())
    return absl::UnavailableError(absl::StrCat("audit log: ", path_, " hangs"));
  return *reopened_;
}

}  // namespace wxident

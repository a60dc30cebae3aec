#ifndef WXIDENT_SERVER_AUDIT_AUDIT_QUEUE_H_
#define WXIDENT_SERVER_AUDIT_AUDIT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/audit/audit_batch.h"
#include "server/audit/audit_entry.h"
#include "server/audit/audit_writer.h"
#include "server/base/clock.h"
#include "server/base/done.h"
#include "server/base/metrics.h"
#include "server/base/mutex.h"
#include "server/base/turns.h"

namespace wxident {

// The lines that wait to be written, and who writes them: one at a time of the
// log's own thread (Run) and the threads that work in turns (EndTurn). Another
// thread of the log watches over them (Watch). Held by all whom a file that
// hangs may keep: it may outlive the log. Thread-safe.
class AuditQueue {
 public:
  // `clock` and `metrics` live until End has returned.
  AuditQueue(std::string path, size_t limit,
             std::unique_ptr<AuditWriter> writer, Clock& clock,
             Metrics& metrics);

  // As AuditLog's.
  void Write(AuditEntry entry, DoneStatus done);
  void Note(AuditEntry entry);
  absl::Status Reopen();

  // Who is to be told what, of lines that were written or not.
  struct Outcome {
    std::vector<DoneStatus> written;
    std::vector<DoneStatus> refused;
    size_t lines = 0;
    size_t dropped = 0;
    // Of the file, when that has changed: why it cannot be written, or "".
    std::optional<std::string> fault;
    // The log has ended: nothing of it may be touched.
    bool over = false;
  };
  // Takes in what a turn has brought. If somebody waits for it, writes what
  // waits, unless somebody else writes, or should. Blocks as the file does,
  // until when `turns` go on without this thread.
  Outcome EndTurn(AuditBatch batch, std::weak_ptr<Turns> turns);
  // Tells them.
  void Tell(Outcome outcome);

  // What the log's threads do until the end.
  void Run();
  void Watch();
  // Writes what waits. False: the file hangs, and Run does not come to its end.
  bool End();
  // After Run has ended.
  void LogHead(absl::string_view event) const { writer_->LogHead(event); }

 private:
  bool IsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return waiting_.items.size() >= limit_;
  }
  // Adds a line to what waits, or tells `outcome` why not. Whether somebody
  // waits for it.
  bool Take(AuditWriter::Item item, AuditWaiter waiter, Outcome& outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The log's own thread is to write what waits.
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether there is something for the log's own thread to do, or somebody to
  // leave the writing to it.
  bool IsForThread() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return due_ || reopen_ || ending_;
  }
  // Writes all that waits; the lock is free meanwhile.
  Outcome WriteWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Outcome Sort(const AuditWriter::Appended& appended, size_t items)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<DoneStatus> TakeLate(absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const size_t limit_;
  // Not to be touched once abandoned_.
  Clock& clock_;
  Metrics::Counter& lines_;
  Metrics::Counter& dropped_;
  Metrics::Counter& refused_;

  // Whoever has set write_began_ has it for itself.
  const std::unique_ptr<AuditWriter> writer_;

  Mutex mutex_;
  // For the log's own thread: there is something to do.
  CondVar work_;
  // For Reopen and End: reopened_, stuck_ or ended_ is set.
  CondVar changed_;
  // For Watch: ended_ or abandoned_ is set.
  CondVar over_;
  AuditBatch waiting_ ABSL_GUARDED_BY(mutex_);
  // The log's own thread is to write what waits; as when it begins, for what
  // the log has to say of itself.
  bool due_ ABSL_GUARDED_BY(mutex_) = true;
  // Who waits for the write that is under way, since when it is, and whose
  // turns it holds up.
  std::vector<AuditWaiter> in_write_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Duration> write_began_ ABSL_GUARDED_BY(mutex_);
  std::weak_ptr<Turns> held_up_ ABSL_GUARDED_BY(mutex_);
  // The last write took long: the next is the log's own thread's.
  bool slow_ ABSL_GUARDED_BY(mutex_) = false;
  // Whether a write is worth trying on a thread that works in turns.
  bool regular_ ABSL_GUARDED_BY(mutex_);
  // The last write failed.
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
  // The write has been under way for too long: nobody else is to wait.
  bool stuck_ ABSL_GUARDED_BY(mutex_) = false;
  // Notes that have no line, and of which no line tells yet.
  uint64_t missing_ ABSL_GUARDED_BY(mutex_) = 0;
  // Reopen asks; the log's own thread answers.
  bool reopen_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> reopened_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  // The log's own thread is done.
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  // A write is stuck, and nothing but this object exists any more.
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_QUEUE_H_

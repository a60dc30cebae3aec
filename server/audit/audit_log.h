#ifndef WXIDENT_SERVER_AUDIT_AUDIT_LOG_H_
#define WXIDENT_SERVER_AUDIT_AUDIT_LOG_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/audit/audit_entry.h"
#include "server/base/clock.h"
#include "server/base/done.h"
#include "server/base/metrics.h"
#include "server/crypto/secret.h"

namespace wxident {

class AuditQueue;

// A file of JSON lines, one for each call that matters, chained: each line
// carries a number and a keyed hash over itself and the line before, so that a
// changed, removed, added or moved line is found (see audit_chain.h). All lines
// that wait are written in one write; a line counts as written when the kernel
// has taken it, so it outlives the process, not a loss of power. Thread-safe.
//
// A thread that works in turns (see Turns) writes what a turn has brought
// itself, at its end, where that is a matter of microseconds: into a file, not
// a pipe, whose last write took less than 5 ms, while nobody else writes. All
// else is written by the log's own thread. Should such a write hang all the
// same, the turns are overtaken within 0.2 s.
//
// The log tells the chain's head when it opens, closes and goes to a new file:
// kept elsewhere, it shows later whether the end was cut off.
//
// Metrics: wxident_audit_lines_total, wxident_audit_dropped_total (Notes that
// have no line), wxident_audit_refused_total (Writes that failed).
class AuditLog {
 public:
  struct Options {
    // Made with mode 0600 when it is not there; goes on where it ends when it
    // is. A line that a killed process left half is ended and named by a line
    // of its own. A named pipe or a device has no end to go on from: a chain
    // begins with each start.
    std::string path;
    // 32 bytes, for the chain and for subjects.
    Secret key;
    // Lines that may wait; one more is refused. Room for the lines of all who
    // watch a token when a new one comes, of whom AccessControl admits fewer;
    // about 8 MB when it is full.
    int queue_limit = 16384;
  };

  // Errors: kInvalidArgument when the file cannot be opened, another process
  // writes it, or its last line does not fit the key.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(Options options,
                                                        Clock& clock,
                                                        Metrics& metrics);
  // Writes what waits. What cannot be written within a second is given up.
  ~AuditLog();

  // Writes a line, then calls `done`, on a thread of the log or at the end of
  // this thread's turn: OK, or AUDIT_UNAVAILABLE when it cannot be written or
  // has not been within a second. A file that is full or gone is tried again
  // with the next line. The line of a Write that failed by time may come into
  // the file after all.
  void Write(AuditEntry entry, DoneStatus done);

  // Writes a line when it can, with the next Write or within 0.2 s: a process
  // that is killed may leave without it. Otherwise counts it as dropped in
  // wxident_audit_dropped_total, and the next line that is written says how
  // many are missing. Never waits, and wakes nobody.
  void Note(AuditEntry entry);

  // Opens the path anew, for log rotation: the new file begins with a line that
  // carries the last hash of the old one on. Nothing happens when the path
  // still leads to the file that is written. Errors: as of Open, and
  // kInvalidArgument when the new file is not empty; the old file then stays.
  absl::Status Reopen();

 private:
  AuditLog(std::string path, std::shared_ptr<AuditQueue> queue);

  const std::string path_;
  // Shared with whoever writes, whom a file system that hangs may hold longer
  // than this object lives.
  const std::shared_ptr<AuditQueue> queue_;
  std::thread writer_;
  // Ends the waiting for lines that are not written in time.
  std::thread watchdog_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_LOG_H_

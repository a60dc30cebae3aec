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

// A file of JSON lines, one for each call that matters, chained: each line
// carries a number and a keyed hash over itself and the line before, so that a
// changed, removed, added or moved line is found (see audit_chain.h). Lines are
// written by one thread, all that wait in one write; a line counts as written
// when the kernel has taken it, so it outlives the process, not a loss of
// power. Thread-safe.
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

  // Writes a line, then calls `done`, on the log's thread: OK, or
  // AUDIT_UNAVAILABLE when it cannot be written or has not been within a
  // second. A file that is full or gone is tried again with the next line. The
  // line of a Write that failed by time may come into the file after all.
  void Write(AuditEntry entry, DoneStatus done);

  // Writes a line when it can; otherwise counts it as dropped in
  // wxident_audit_dropped_total, and the next line that is written says how
  // many are missing. Never waits.
  void Note(AuditEntry entry);

  // Opens the path anew, for log rotation: the new file begins with a line that
  // carries the last hash of the old one on. Nothing happens when the path
  // still leads to the file that is written. Errors: as of Open, and
  // kInvalidArgument when the new file is not empty; the old file then stays.
  absl::Status Reopen();

 private:
  struct State;
  explicit AuditLog(std::shared_ptr<State> state);

  // Shared with the writing thread, which a file system that hangs may hold
  // longer than this object lives.
  const std::shared_ptr<State> state_;
  std::thread writer_;
  // Ends the waiting for lines that are not written in time.
  std::thread watchdog_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_LOG_H_

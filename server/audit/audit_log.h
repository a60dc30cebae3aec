#ifndef WXIDENT_SERVER_AUDIT_AUDIT_LOG_H_
#define WXIDENT_SERVER_AUDIT_AUDIT_LOG_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/done.h"
#include "server/base/metrics.h"
#include "server/crypto/secret.h"

namespace wxident {

// What one line of the audit log says.
struct AuditEntry {
  std::string caller;
  std::string method;
  // Empty where the call names none.
  std::string app_id;
  // Whom the call is about: an openid or a user_id; empty: nobody. The log
  // holds its keyed hash alone.
  std::string subject;
  // "OK", or the error's reason.
  std::string reason;
  // The key that seals what was released or stored; 0: none.
  uint32_t key_id = 0;
  std::string request_id;
};

// A file of JSON lines, one for each call that matters, chained: each line
// carries a number and a keyed hash over itself and the line before, so that a
// changed, removed, added or moved line is found (see audit_chain.h). Lines are
// written by one thread, all that wait in one write; a line counts as written
// when the kernel has taken it, so it outlives the process, not a loss of
// power. Thread-safe.
class AuditLog {
 public:
  struct Options {
    // Made with mode 0600 when it is not there; goes on where it ends when it
    // is. A line that a killed process left half is ended and named by a line
    // of its own.
    std::string path;
    // 32 bytes, for the chain and for subjects.
    Secret key;
    // Lines that may wait; one more is refused.
    int queue_limit = 4096;
  };

  // Errors: kInvalidArgument when the file cannot be opened, or its last line
  // does not fit the key.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(Options options,
                                                        Clock& clock,
                                                        Metrics& metrics);
  // Writes what waits.
  ~AuditLog();

  // Writes a line, then calls `done`: OK, or AUDIT_UNAVAILABLE when it cannot
  // be written or has not been within a second. A file that is full or gone is
  // tried again with the next line.
  void Write(AuditEntry entry, DoneStatus done);

  // Writes a line when it can; otherwise counts it as dropped in
  // wxident_audit_dropped_total, and the next line that is written says how
  // many are missing. Never waits.
  void Note(AuditEntry entry);

  // Opens the path anew, for log rotation: the new file begins with a line that
  // carries the last hash of the old one on. Errors as of Open; the old file
  // then stays.
  absl::Status Reopen();

 private:
  struct State;
  explicit AuditLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_LOG_H_

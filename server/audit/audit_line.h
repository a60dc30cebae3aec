#ifndef WXIDENT_SERVER_AUDIT_AUDIT_LINE_H_
#define WXIDENT_SERVER_AUDIT_AUDIT_LINE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/audit_entry.h"
#include "server/crypto/hmac_key.h"
#include "server/crypto/secret.h"

namespace wxident {

// Where a chain of lines stands: its last line. As made: before the first.
struct AuditHead {
  uint64_t seq = 0;
  // In hexadecimal.
  std::string mac = std::string(64, '0');
};

// What a line has besides what it is about.
struct AuditStamp {
  absl::Time time;
  // How many lines before this one could not be written.
  uint64_t missing = 0;
};

// What a reader needs of a line to follow the chain.
struct AuditLine {
  uint64_t seq = 0;
  uint64_t missing = 0;
  // Empty: the line is a call's.
  std::string event;
  // Of "half_line": the bytes that it names, and their SHA-256.
  uint64_t half_bytes = 0;
  std::string half_sha256;
  // The line before, and this one.
  std::string prev;
  std::string mac;
};

// The lines' form: one JSON object each, plain ASCII, the fields in one order.
// "mac", the last of them, is an HMAC-SHA-256 over the text before it, which
// holds the line's number and the mac of the line before. Immutable and
// thread-safe.
class AuditLineFormat {
 public:
  // Both keys of the log come from these 32 bytes: one for the chain, one for
  // subjects.
  explicit AuditLineFormat(const Secret& key);

  // Each appends the line that follows `head`, with its newline, and moves
  // `head` to it. Text is escaped and cut at 256 bytes.
  void AppendCall(const AuditEntry& entry, const AuditStamp& stamp,
                  AuditHead& head, std::string& out) const;
  // What the log says of itself: "file_begun", "started" or "stopped".
  void AppendEvent(absl::string_view event, const AuditStamp& stamp,
                   AuditHead& head, std::string& out) const;
  // `half`: what stands after the last whole line, up to where this one begins.
  void AppendHalfLine(absl::string_view half, const AuditStamp& stamp,
                      AuditHead& head, std::string& out) const;

  // A line without its newline; nullopt for all that was not written with this
  // key, or changed since.
  std::optional<AuditLine> Read(absl::string_view line) const;

  // The keyed hash that stands for an openid or a user_id; "" for "".
  std::string SubjectHash(absl::string_view subject) const;

 private:
  // Ends what begins at `begin` of `out`.
  void Close(size_t begin, AuditHead& head, std::string& out) const;

  const HmacKey chain_key_;
  const HmacKey subject_key_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_LINE_H_

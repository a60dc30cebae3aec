#ifndef WXIDENT_SERVER_AUDIT_AUDIT_CHAIN_H_
#define WXIDENT_SERVER_AUDIT_AUDIT_CHAIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/audit/audit_line.h"
#include "server/crypto/secret.h"

namespace wxident {

// Follows the lines of audit files and tells whether they are what the log
// wrote: none changed, removed, added or moved. Without the key nobody makes a
// line that fits. What the lines alone cannot show: that the end was cut off
// (hence the expected head), and that files before the first were taken away
// (Report::first_seq tells where it begins).
//
// Fed with one line after the other: BeginFile, its Lines, the next file.
// Plain, for one thread.
class AuditChain {
 public:
  struct Break {
    std::string file;
    // Of that file, from 1.
    uint64_t line = 0;
    // One sentence, which holds nothing of the lines' text but numbers.
    std::string what;
  };
  struct Report {
    uint64_t lines = 0;
    uint64_t first_seq = 0;
    AuditHead head;
    // What the lines themselves say was not written.
    uint64_t missing = 0;
    // Lines that were left half by a crash or a full disk: no tampering.
    std::vector<Break> half_lines;
    // The first place that is not as it was written.
    std::optional<Break> broken;
  };

  // `expected_head`: the mac, in hexadecimal, of a line that must be there, as
  // the server's log told it; empty: none is known.
  AuditChain(const Secret& key, std::string expected_head);

  // `name` is for the report. Files come oldest first, as they were rotated.
  void BeginFile(std::string name);
  // `ended`: whether the line had its newline; only a file's last may not.
  void Line(absl::string_view text, bool ended);

  // The end of the last file.
  Report Finish();

 private:
  void OnGenuine(const AuditLine& line);
  void OnForeign(absl::string_view text, bool ended);
  // Whether `line` is right to follow; what is wrong becomes the break.
  bool Follows(const AuditLine& line);
  bool FollowsForeign(const AuditLine& line);
  void EndFile();
  void BreakAt(uint64_t line, std::string what);

  const AuditLineFormat format_;
  const std::string expected_head_;
  bool head_seen_;
  Report report_;
  // Whether a line has been accepted; report_.head is then the last.
  bool begun_ = false;
  std::string file_;
  uint64_t line_ = 0;
  // Lines since the last genuine one that do not fit the key, with their
  // newlines: a half line, if the next genuine one says so.
  std::string foreign_;
  uint64_t foreign_lines_ = 0;
  uint64_t foreign_from_ = 0;
  // After a gap: the number whose line, should it come later, shows that lines
  // were moved and not removed.
  uint64_t wanted_ = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_CHAIN_H_

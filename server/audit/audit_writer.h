#ifndef WXIDENT_SERVER_AUDIT_AUDIT_WRITER_H_
#define WXIDENT_SERVER_AUDIT_AUDIT_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/audit/audit_entry.h"
#include "server/audit/audit_file.h"
#include "server/audit/audit_line.h"
#include "server/crypto/secret.h"

namespace wxident {

// Puts entries into the file as lines of one chain, so that the file holds
// whole lines alone, whatever a write did. Logs where the chain stands when it
// opens a file. Calls block; one thread at a time.
class AuditWriter {
 public:
  struct Item {
    AuditEntry entry;
    absl::Time time;
  };

  // Goes on with the chain that the file holds. Errors: those of AuditFile, and
  // kInvalidArgument when the file's last line was not written with this key.
  static absl::StatusOr<std::unique_ptr<AuditWriter>> Open(
      const std::string& path, const Secret& key);

  // Opens the path anew and goes on there, unless it still leads to the same
  // file. Errors: as of Open, and kInvalidArgument when the new file is not
  // empty; the old file then stays.
  absl::Status Reopen();

  // The log says "stopped" of itself with the next Append.
  void Stop() { events_.push_back("stopped"); }

  struct Appended {
    // The first so many items stand in the file as whole lines.
    size_t items = 0;
    // Whether a line says how many are missing.
    bool told_missing = false;
    // Why not all of them do.
    std::string error;
  };
  // What the log has to say of itself, then a line for each item, in one write.
  // A line that got half into the file is taken out again; where that cannot
  // be, the next Append names it. The first line tells of `missing` others. A
  // file that was deleted is made anew.
  Appended Append(const std::vector<Item>& items, uint64_t missing,
                  absl::Time now);

  // Whether it writes to a file, whose end is on a disk: not to a pipe or a
  // device, whose other end may take its time.
  bool IsRegular() const { return file_->IsRegular(); }

  // Logs `event` with the last line's number and mac.
  void LogHead(absl::string_view event) const;

  // The last line that stands whole.
  const AuditHead& head() const { return head_; }

 private:
  AuditWriter(std::string path, const Secret& key,
              std::unique_ptr<AuditFile> file)
      : path_(std::move(path)), format_(key), file_(std::move(file)) {}
  absl::Status GoOn(const AuditFile::Tail& tail);

  const std::string path_;
  const AuditLineFormat format_;
  std::unique_ptr<AuditFile> file_;
  AuditHead head_;
  // What stands in the file after the last whole line.
  std::string half_;
  // What the log has yet to say of itself.
  std::vector<absl::string_view> events_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_WRITER_H_

#ifndef WXIDENT_SERVER_AUDIT_AUDIT_FILE_H_
#define WXIDENT_SERVER_AUDIT_AUDIT_FILE_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/unique_fd.h"

namespace wxident {

// An open file of lines, which only this process appends to. It may be a named
// pipe or a device, which then has no end to go on from. Calls block; one
// thread at a time.
class AuditFile {
 public:
  // Made with mode 0600 when it is not there. Errors: kInvalidArgument, with
  // the path, when it cannot be opened or another process appends to it.
  static absl::StatusOr<std::unique_ptr<AuditFile>> Open(
      const std::string& path);
  AuditFile(const AuditFile&) = delete;
  AuditFile& operator=(const AuditFile&) = delete;

  // The end of the file as it was opened.
  struct Tail {
    // The last line that has its newline, without it.
    std::string line;
    // What stands after it: a line that was left half.
    std::string half;
  };
  // Errors: kInvalidArgument, with the path.
  absl::StatusOr<Tail> ReadTail() const;

  // Whether `path` leads to this file, and not to another one or nowhere.
  bool IsAt(const std::string& path) const;
  // Whether it is a file, and neither a pipe nor a device.
  bool IsRegular() const { return regular_; }
  // Whether it has been deleted: what is appended would be lost.
  bool IsGone() const;

  // Appends, and gives how many bytes of `text` the kernel took: all of them,
  // or fewer with the reason in `error`.
  size_t Append(absl::string_view text, std::string& error);
  // Takes the last `bytes` away again. Whether that could be done.
  bool TakeBack(size_t bytes);

 private:
  AuditFile(std::string path, UniqueFd fd, bool regular)
      : path_(std::move(path)), fd_(std::move(fd)), regular_(regular) {}

  const std::string path_;
  const UniqueFd fd_;
  const bool regular_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_AUDIT_FILE_H_

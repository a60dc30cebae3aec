#ifndef WXIDENT_SERVER_TLS_CRL_FILE_H_
#define WXIDENT_SERVER_TLS_CRL_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config/files/config_files.h"

namespace wxident {

// A file that is looked at again and again, and may be large: it is read only
// when it may have changed. One thread.
class CrlFile {
 public:
  static constexpr size_t kMaxBytes = 64 << 20;
  // Clocks of file systems are coarse: a file that was changed less than this
  // ago may change again without looking so.
  static constexpr absl::Duration kSettled = absl::Seconds(2);

  // What the file at `path` holds; the same object as before while that is the
  // same. `now` is by the clock of the file system. Errors as of ReadLargeFile.
  absl::StatusOr<std::shared_ptr<const std::string>> Read(
      const std::string& path, absl::Time now);

 private:
  // nullptr: nothing has been read.
  std::shared_ptr<const std::string> text_;
  std::string path_;
  FileStamp stamp_;
  // Whether stamp_ was old enough to tell the next change.
  bool settled_ = false;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_TLS_CRL_FILE_H_

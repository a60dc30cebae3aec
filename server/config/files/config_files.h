#ifndef WXIDENT_SERVER_CONFIG_FILES_CONFIG_FILES_H_
#define WXIDENT_SERVER_CONFIG_FILES_CONFIG_FILES_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/crypto/secret.h"

namespace wxident {

// The files that a config names. All of them must be regular files: nothing
// here waits for a pipe. Links are followed, and the file that they lead to is
// the one whose rights count (file_rights.h). Errors, all kInvalidArgument,
// tell what is wrong and hold neither the file's content nor its name.

// At most 1 MiB. Refused when CheckTrustedRights does.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path);

// The same for what may be large: at most `most` bytes.
absl::StatusOr<std::string> ReadLargeFile(const std::string& path, size_t most);

// What changes when a file is written, replaced, or its rights change; of a
// link, the file that it leads to.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  absl::Time written;
  absl::Time changed;

  bool operator==(const FileStamp& other) const = default;
};

absl::StatusOr<FileStamp> StampOf(const std::string& path);

// Whether ReadConfigFile gives something.
absl::Status CheckReadable(const std::string& path);

// Whether a file is there or can be made, to be written at its end. Makes none.
absl::Status CheckAppendable(const std::string& path);

// The file's text without the line break at its end. Refused when
// CheckSecretRights does, when it is empty, or over 64 KiB.
absl::StatusOr<Secret> ReadSecretFile(const std::string& path);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_FILES_CONFIG_FILES_H_

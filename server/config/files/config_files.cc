#include "server/config/files/config_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/base/unique_fd.h"
#include "server/config/files/file_rights.h"

namespace wxident {
namespace {

constexpr size_t kMaxConfig = 1 << 20;
constexpr size_t kMaxSecret = 64 << 10;

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

class File {
 public:
  static absl::StatusOr<File> Open(const std::string& path) {
    // O_NONBLOCK: opening a pipe must not wait for its writer.
    File file(UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)));
    if (file.fd_.get() < 0)
      return Bad(absl::StrCat("cannot open the file: ", std::strerror(errno)));
    if (fstat(file.fd_.get(), &file.stat_) != 0)
      return Bad(absl::StrCat("cannot read the file: ", std::strerror(errno)));
    if (!S_ISREG(file.stat_.st_mode)) return Bad("is not a regular file");
    return file;
  }

  const struct stat& stat() const { return stat_; }

  absl::StatusOr<std::string> Read(size_t most) const {
    std::string out;
    // One byte more than there may be tells a file that is too long, or grows;
    // and all the room at once, so that a secret leaves no outgrown copies
    // behind.
    const auto room = std::min(most, static_cast<size_t>(stat_.st_size));
    out.resize(room + 1);
    size_t size = 0;
    while (size < out.size()) {
      const ssize_t got = read(fd_.get(), &out[size], out.size() - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        return Bad(
            absl::StrCat("cannot read the file: ", std::strerror(errno)));
      if (got == 0) break;
      size += static_cast<size_t>(got);
    }
    if (size > most)
      return Bad(absl::StrCat("the file is over ", most, " bytes"));
    if (size > room) return Bad("the file grows while it is read");
    out.resize(size);
    return out;
  }

 private:
  explicit File(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  struct stat stat_ = {};
};

}  // namespace

absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  return ReadLargeFile(path, kMaxConfig);
}

absl::StatusOr<std::string> ReadLargeFile(const std::string& path,
                                          size_t most) {
  WX_ASSIGN_OR_RETURN(const File file, File::Open(path));
  WX_RETURN_IF_ERROR(CheckTrustedRights(file.stat(), ProcessIds::Own()));
  return file.Read(most);
}

absl::StatusOr<FileStamp> StampOf(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0)
    return Bad(absl::StrCat("cannot open the file: ", std::strerror(errno)));
  return FileStamp{.device = found.st_dev,
                   .inode = found.st_ino,
                   .size = found.st_size,
                   .written = absl::TimeFromTimespec(found.st_mtim),
                   .changed = absl::TimeFromTimespec(found.st_ctim)};
}

absl::Status CheckReadable(const std::string& path) {
  WX_ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
  return text.empty() ? Bad("the file is empty") : absl::OkStatus();
}

absl::Status CheckAppendable(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return Bad("is a folder");
    if (access(path.c_str(), W_OK) == 0) return absl::OkStatus();
  } else if (errno == ENOENT) {
    const size_t slash = path.rfind('/');
    const std::string folder =
        slash == std::string::npos ? "." : path.substr(0, slash + 1);
    if (access(folder.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
  }
  return Bad(absl::StrCat("cannot write the file: ", std::strerror(errno)));
}

absl::StatusOr<Secret> ReadSecretFile(const std::string& path) {
  WX_ASSIGN_OR_RETURN(const File file, File::Open(path));
  WX_RETURN_IF_ERROR(CheckSecretRights(file.stat(), ProcessIds::Own()));
  WX_ASSIGN_OR_RETURN(std::string text, file.Read(kMaxSecret));
  if (absl::EndsWith(text, "\n")) text.pop_back();
  if (absl::EndsWith(text, "\r")) text.pop_back();
  if (text.empty()) return Bad("the file is empty");
  return Secret(std::move(text));
}

}  // namespace wxident

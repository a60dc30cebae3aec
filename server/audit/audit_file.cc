#include "server/audit/audit_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

// Many times the longest line, which is below 10 KiB.
constexpr off_t kTailBytes = off_t{1} << 20;

absl::Status FileError(absl::string_view what, const std::string& path,
                       absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("audit log: ", what, " ", path, ": ", why));
}

absl::Status SystemError(absl::string_view what, const std::string& path) {
  return FileError(what, path, std::strerror(errno));
}

bool IsSame(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditFile>> AuditFile::Open(
    const std::string& path) {
  // O_NONBLOCK: a pipe that nobody reads is refused, not waited for.
  UniqueFd owned(open(
      path.c_str(),
      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600));
  const int fd = owned.get();
  if (fd < 0) return SystemError("cannot open", path);
  struct stat status {};
  const bool known = fstat(fd, &status) == 0;
  std::unique_ptr<AuditFile> file(
      new AuditFile(path, std::move(owned), known && S_ISREG(status.st_mode)));
  // From here on a line is waited for until it is taken whole.
  if (!known || fcntl(fd, F_SETFL, O_APPEND) != 0)
    return SystemError("cannot open", path);
  // Two writers would break each other's chain. Only files hold one.
  if (file->regular_ && flock(fd, LOCK_EX | LOCK_NB) != 0)
    return FileError("cannot lock", path,
                     errno == EWOULDBLOCK ? "another process writes it"
                                          : std::strerror(errno));
  return file;
}

absl::StatusOr<AuditFile::Tail> AuditFile::ReadTail() const {
  if (!regular_) return Tail{};
  // Apart, for what is written is opened for writing alone.
  const UniqueFd fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return SystemError("cannot read", path_);
  struct stat status {};
  std::string text;
  bool read_all = fstat(fd.get(), &status) == 0;
  if (read_all) {
    text.resize(static_cast<size_t>(std::min(status.st_size, kTailBytes)));
    read_all = pread(fd.get(), text.data(), text.size(),
                     status.st_size - static_cast<off_t>(text.size())) ==
               static_cast<ssize_t>(text.size());
  }
  if (!read_all) return SystemError("cannot read", path_);
  const size_t end = text.rfind('\n');
  if (end == std::string::npos) {
    if (status.st_size > kTailBytes)
      return FileError("cannot use", path_, "it does not end in lines");
    return Tail{"", text};
  }
  const size_t begin = end == 0 ? 0 : text.rfind('\n', end - 1) + 1;
  return Tail{text.substr(begin, end - begin), text.substr(end + 1)};
}

bool AuditFile::IsAt(const std::string& path) const {
  struct stat here {};
  struct stat there {};
  return fstat(fd_.get(), &here) == 0 && stat(path.c_str(), &there) == 0 &&
         IsSame(here, there);
}

bool AuditFile::IsGone() const {
  struct stat status {};
  return regular_ && fstat(fd_.get(), &status) == 0 && status.st_nlink == 0;
}

size_t AuditFile::Append(absl::string_view text, std::string& error) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t count =
        write(fd_.get(), text.data() + written, text.size() - written);
    if (count > 0) {
      written += static_cast<size_t>(count);
    } else if (count == 0 || errno != EINTR) {
      error = count == 0 ? "nothing was written" : std::strerror(errno);
      break;
    }
  }
  return written;
}

bool AuditFile::TakeBack(size_t bytes) {
  struct stat status {};
  return regular_ && fstat(fd_.get(), &status) == 0 &&
         status.st_size >= static_cast<off_t>(bytes) &&
         ftruncate(fd_.get(), status.st_size - static_cast<off_t>(bytes)) == 0;
}

}  // namespace wxident

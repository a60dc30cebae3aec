#include "simulator/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace wxident::simulator {
namespace {

absl::Status Failed(absl::string_view what, const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  // Reading a folder opens well and fails here.
  if (!file || !(text << file.rdbuf())) return Failed("read", path);
  return text.str();
}

absl::Status WriteFile(const std::string& path, absl::string_view text,
                       bool secret) {
  const std::string draft = absl::StrCat(path, ".new.", getpid());
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                      secret ? 0600 : 0644);
  if (fd < 0) return Failed("write", draft);
  const bool written =
      write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (close(fd) != 0 || !written ||
      std::rename(draft.c_str(), path.c_str()) != 0) {
    const absl::Status failed = Failed("write", path);
    unlink(draft.c_str());
    return failed;
  }
  return absl::OkStatus();
}

}  // namespace wxident::simulator

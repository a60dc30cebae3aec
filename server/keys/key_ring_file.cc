#include "server/keys/key_ring_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/base/unique_fd.h"
#include "server/config/files/config_files.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"
#include "server/keys/key_ring_edit.h"

namespace wxident {
namespace {

absl::Status CannotWrite() {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot write the file: ", std::strerror(errno)));
}

// Where links lead; a file that is not there is where it is said to be.
std::string Resolved(const std::string& path) {
  char* found = realpath(path.c_str(), nullptr);
  if (found == nullptr) return path;
  std::string resolved = found;
  free(found);
  return resolved;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status WriteAll(int fd, const std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t count =
        write(fd, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotWrite();
    written += static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

// `old` is nullptr where there was no file.
absl::Status WriteAnew(const std::string& path, const Secret& text,
                       const struct stat* old, int folder) {
  std::string temporary = path + ".XXXXXX";
  // Mode 0600.
  const UniqueFd file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return CannotWrite();
  absl::Status status = WriteAll(file.get(), text.Expose());
  if (status.ok() && old != nullptr &&
      fchown(file.get(), old->st_uid, old->st_gid) != 0)
    status = CannotWrite();
  if (status.ok() &&
      (fsync(file.get()) != 0 || rename(temporary.c_str(), path.c_str()) != 0))
    status = CannotWrite();
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return fsync(folder) == 0 ? absl::OkStatus() : CannotWrite();
}

// Replaces a ring's file by what `edit` makes of its text. With `create`, a
// missing file is like an empty one.
absl::StatusOr<uint32_t> Edit(
    const std::string& path, bool create,
    absl::FunctionRef<absl::StatusOr<EditedRing>(const Secret&)> edit) {
  const std::string target = Resolved(path);
  const UniqueFd folder(
      open(FolderOf(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || flock(folder.get(), LOCK_EX) != 0)
    return CannotWrite();
  struct stat old {};
  const bool exists = lstat(target.c_str(), &old) == 0;
  Secret text;
  if (exists || !create) {
    WX_RETURN_IF_ERROR(ReadKeyRingFile(target).status());
    WX_ASSIGN_OR_RETURN(text, ReadSecretFile(target));
  }
  WX_ASSIGN_OR_RETURN(const EditedRing edited, edit(text));
  WX_ASSIGN_OR_RETURN(std::vector<KeyRing::Key> keys,
                      KeyRing::Parse(edited.text.Expose()));
  WX_RETURN_IF_ERROR(KeyRing::Create(std::move(keys), SystemRandom()).status());
  WX_RETURN_IF_ERROR(
      WriteAnew(target, edited.text, exists ? &old : nullptr, folder.get()));
  return edited.key_id;
}

}  // namespace

absl::StatusOr<std::vector<KeyRing::Key>> ReadKeyRingFile(
    const std::string& path, const std::vector<KeyRing::Key>& others) {
  WX_ASSIGN_OR_RETURN(const Secret text, ReadSecretFile(path));
  WX_ASSIGN_OR_RETURN(std::vector<KeyRing::Key> keys,
                      KeyRing::Parse(text.Expose()));
  WX_RETURN_IF_ERROR(KeyRing::Create(keys, SystemRandom()).status());
  for (const KeyRing::Key& key : keys)
    for (const KeyRing::Key& other : others)
      if (key.bytes == other.bytes)
        return absl::InvalidArgumentError(absl::StrCat(
            "key ", key.id, " serves for something else too; make a new one"));
  return keys;
}

absl::StatusOr<uint32_t> AddKeyToRingFile(const std::string& path,
                                          Random& random) {
  return Edit(path, /*create=*/true,
              [&](const Secret& text) { return WithNewKey(text, random); });
}

absl::StatusOr<uint32_t> RotateRingFile(const std::string& path) {
  return Edit(path, /*create=*/false, WithNewestFirst);
}

}  // namespace wxident

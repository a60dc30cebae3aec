#include "server/config/files/file_rights.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

constexpr uid_t kRootUser = 0;
constexpr gid_t kRootGroup = 0;

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

}  // namespace

ProcessIds ProcessIds::Own() {
  ProcessIds own{.user = geteuid()};
  own.groups.resize(static_cast<size_t>(std::max(0, getgroups(0, nullptr))));
  const int count =
      getgroups(static_cast<int>(own.groups.size()), own.groups.data());
  own.groups.resize(static_cast<size_t>(std::max(0, count)));
  own.groups.push_back(getegid());
  return own;
}

absl::Status CheckSecretRights(const struct stat& file,
                               const ProcessIds& process) {
  if (file.st_uid == process.user) {
    if ((file.st_mode & (S_IRWXG | S_IRWXO)) == 0) return absl::OkStatus();
    return Bad("others than its owner may use the file; chmod 600 it");
  }
  if (file.st_uid != kRootUser)
    return Bad(absl::StrCat("the file belongs to user ", file.st_uid,
                            ", and this runs as user ", process.user,
                            "; chown it to that one or run this as its owner"));
  if ((file.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) == 0)
    return absl::OkStatus();
  return Bad(
      "others than root and the file's group may read it, or others than root "
      "change it; chmod 440 it");
}

absl::Status CheckTrustedRights(const struct stat& file,
                                const ProcessIds& process) {
  if ((file.st_mode & S_IWOTH) != 0)
    return Bad("everybody may change the file; chmod o-w it");
  const bool ours = file.st_gid == kRootGroup ||
                    std::find(process.groups.begin(), process.groups.end(),
                              file.st_gid) != process.groups.end();
  if ((file.st_mode & S_IWGRP) == 0 || ours) return absl::OkStatus();
  return Bad(absl::StrCat("group ", file.st_gid,
                          ", which this process is not in, may change the "
                          "file; chmod g-w it"));
}

}  // namespace wxident

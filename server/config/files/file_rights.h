#ifndef WXIDENT_SERVER_CONFIG_FILES_FILE_RIGHTS_H_
#define WXIDENT_SERVER_CONFIG_FILES_FILE_RIGHTS_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <vector>

#include "absl/status/status.h"

namespace wxident {

// Who a process is, as far as rights to files go.
struct ProcessIds {
  uid_t user;
  // Its own and the supplementary ones.
  std::vector<gid_t> groups;

  static ProcessIds Own();
};

// Whether a file may hold a secret: it is the process's own and nobody else has
// a right to it, or it is root's, nobody but root may change it, and others
// than its group may not read it. The second is how Kubernetes gives a Secret
// to a pod with fsGroup. Errors: kInvalidArgument, which tells what to do.
absl::Status CheckSecretRights(const struct stat& file,
                               const ProcessIds& process);

// Whether a file may decide whom a process trusts: only its owner, root, and
// groups that the process is in may change it. Errors as above.
absl::Status CheckTrustedRights(const struct stat& file,
                                const ProcessIds& process);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CONFIG_FILES_FILE_RIGHTS_H_

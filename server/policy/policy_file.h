#ifndef WXIDENT_SERVER_POLICY_POLICY_FILE_H_
#define WXIDENT_SERVER_POLICY_POLICY_FILE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/identity/apps.h"
#include "server/policy/policy.h"

namespace wxident {

// Reads the text of the file that access.policy_file names; docs/policy.md
// tells its form. `apps` are those of the configuration. The error is
// kInvalidArgument and names each mistake, one a line, with its row, its line
// in the file and what to do; a policy is taken whole or not at all. What would
// only ever deny is a mistake too: an unknown method or app, a file without
// rows, a limit that an earlier one hides.
absl::StatusOr<Policy> ParsePolicyFile(absl::string_view text,
                                       const std::vector<App>& apps);

}  // namespace wxident

#endif  // WXIDENT_SERVER_POLICY_POLICY_FILE_H_

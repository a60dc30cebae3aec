#include "server/base/version.h"

#include "absl/strings/string_view.h"
// The build writes it.
#include "server/base/version_stamp.h"

namespace wxident {

absl::string_view Version() { return WXIDENT_VERSION; }
absl::string_view Commit() { return WXIDENT_COMMIT; }

}  // namespace wxident

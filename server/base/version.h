#ifndef WXIDENT_SERVER_BASE_VERSION_H_
#define WXIDENT_SERVER_BASE_VERSION_H_

#include "absl/strings/string_view.h"

namespace wxident {

// The text of the file VERSION, such as "1.2.3".
absl::string_view Version();

// The commit that the program was built from: 12 hex digits, and "-modified"
// after them if the checkout differed from it. "unknown" in tests, and where
// the sources were no checkout of git.
absl::string_view Commit();

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_VERSION_H_

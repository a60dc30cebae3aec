#ifndef WXIDENT_SERVER_CLI_LIBRARY_VERSIONS_H_
#define WXIDENT_SERVER_CLI_LIBRARY_VERSIONS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace wxident {

// A library that secrets and strangers' bytes go through.
struct LibraryVersion {
  std::string name;
  // The one that is loaded.
  std::string version;
  // Older ones have known holes; docs/tls.md says where it comes from.
  std::string minimum;
};

std::vector<LibraryVersion> LibraryVersions();

// Whether "3.0.9" is older than "3.0.22": number by number.
bool IsOlder(absl::string_view version, absl::string_view minimum);

// Logs each version, as a warning when it is older than its minimum.
void LogLibraryVersions();

}  // namespace wxident

#endif  // WXIDENT_SERVER_CLI_LIBRARY_VERSIONS_H_

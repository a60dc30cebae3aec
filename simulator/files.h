#ifndef WXIDENT_SIMULATOR_FILES_H_
#define WXIDENT_SIMULATOR_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace wxident::simulator {

// The error names the file.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Replaces the file by a rename, so that a reader sees all of it or none. A
// `secret` is readable by its owner only.
absl::Status WriteFile(const std::string& path, absl::string_view text,
                       bool secret = false);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_FILES_H_

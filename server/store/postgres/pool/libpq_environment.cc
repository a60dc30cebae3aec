#include "server/store/postgres/pool/libpq_environment.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace wxident {

std::vector<std::string> ForgetLibpqEnvironment() {
  std::vector<std::string> names;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const absl::string_view text = *variable;
    if (absl::StartsWith(text, "PG"))
      names.emplace_back(text.substr(0, text.find('=')));
  }
  for (const std::string& name : names) unsetenv(name.c_str());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace wxident

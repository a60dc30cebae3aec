#include "server/config/files/config_problems.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace wxident {
namespace {
constexpr size_t kMaxLines = 100;
}

void ConfigProblems::Add(absl::string_view key, absl::string_view where,
                         absl::string_view what) {
  keys_.emplace_back(key);
  if (lines_.size() < kMaxLines)
    lines_.push_back(absl::StrCat(key, " (", where, "): ", what));
  else if (lines_.size() == kMaxLines)
    lines_.emplace_back("and more; these first");
}

bool ConfigProblems::Has(absl::string_view key) const {
  return std::find(keys_.begin(), keys_.end(), key) != keys_.end();
}

std::string ShownKey(absl::string_view key) {
  return absl::CEscape(key.substr(0, 64));
}

}  // namespace wxident

#include "server/config/files/config_problems.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

constexpr size_t kMaxLines = 100;

// The number of characters to change, add or leave out.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

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

std::string DidYouMean(absl::string_view text,
                       const std::vector<std::string>& known) {
  if (text.size() > 64) return "";
  const std::string* nearest = nullptr;
  // More changes than a third of its length, and it is another word.
  size_t least = text.size() / 3 + 2;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(text, candidate);
    if (distance < least) {
      least = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? ""
                            : absl::StrCat("; did you mean ", *nearest, "?");
}

}  // namespace wxident

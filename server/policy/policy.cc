#include "server/policy/policy.h"

#include "absl/strings/match.h"

namespace wxident {

const Policy::Limit& Policy::DefaultLimit() {
  static const auto& limit = *new Limit{
      .caller = "*", .rate = 20'000, .burst = 20'000, .concurrency = 200};
  return limit;
}

bool Policy::Fits(absl::string_view pattern, absl::string_view caller) {
  if (!absl::EndsWith(pattern, "/*")) return pattern == caller;
  pattern.remove_suffix(1);
  return caller.size() > pattern.size() && absl::StartsWith(caller, pattern);
}

}  // namespace wxident

#include "server/policy/caller_rights.h"

#include <algorithm>

namespace wxident {

std::shared_ptr<const CallerRights> RightsOf(const Policy& policy,
                                             const std::string& caller) {
  auto rights = std::make_shared<CallerRights>();
  for (const Policy::Row& row : policy.allow) {
    if (!Policy::Fits(row.caller, caller)) continue;
    for (const std::string& method : row.methods) {
      AppRight& right = rights->methods[method];
      right.every_app |= row.apps.empty();
      right.apps.insert(row.apps.begin(), row.apps.end());
    }
  }
  const auto limit = std::find_if(
      policy.limits.begin(), policy.limits.end(),
      [&caller](const Policy::Limit& row) { return row.Fits(caller); });
  rights->limit_has_row = limit != policy.limits.end();
  rights->limit = rights->limit_has_row ? *limit : Policy::DefaultLimit();
  return rights;
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_POLICY_CALLER_RIGHTS_H_
#define WXIDENT_SERVER_POLICY_CALLER_RIGHTS_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "server/policy/policy.h"

namespace wxident {

// The apps for which a caller may call one method.
struct AppRight {
  bool every_app = false;
  std::set<std::string, std::less<>> apps;

  bool Allows(absl::string_view app_id) const {
    return every_app || apps.find(app_id) != apps.end();
  }
};

// What one policy says of one caller. Immutable and thread-safe.
struct CallerRights {
  std::map<std::string, AppRight, std::less<>> methods;
  Policy::Limit limit;
  // Whether a row of the policy says so.
  bool limit_has_row = false;

  // A caller that no row knows.
  bool IsStrangers() const { return methods.empty() && !limit_has_row; }
};

std::shared_ptr<const CallerRights> RightsOf(const Policy& policy,
                                             const std::string& caller);

}  // namespace wxident

#endif  // WXIDENT_SERVER_POLICY_CALLER_RIGHTS_H_

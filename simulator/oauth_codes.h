#ifndef WXIDENT_SIMULATOR_OAUTH_CODES_H_
#define WXIDENT_SIMULATOR_OAUTH_CODES_H_

#include <string>

#include "absl/strings/string_view.h"
#include "simulator/world.h"

namespace wxident::simulator {

inline constexpr absl::string_view kScopeBase = "snsapi_base";
inline constexpr absl::string_view kScopeUserinfo = "snsapi_userinfo";
inline constexpr absl::string_view kScopeLogin = "snsapi_login";

// Whether apps of the kind may ask for the scope.
bool ScopeFits(AppKind kind, absl::string_view scope);

// A new code by which `user`, made up when unknown, grants the app the scope,
// which fits. `snapshot`: the page is shown as a snapshot, whoever looks at it.
std::string IssueOauthCode(World& world, const App& app,
                           const std::string& user, const std::string& scope,
                           bool snapshot = false);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_OAUTH_CODES_H_

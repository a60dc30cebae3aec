#ifndef WXIDENT_SIMULATOR_CONTROL_OAUTH_H_
#define WXIDENT_SIMULATOR_CONTROL_OAUTH_H_

#include "absl/status/statusor.h"
#include "simulator/json.h"
#include "simulator/world.h"

// What people do with official accounts, websites and mobile apps, for the
// control API. As in control_users.h.

namespace wxident::simulator {

// POST oauth_code: the user consents; nobody needs a browser.
absl::StatusOr<Json> MakeOauthCode(World& world, const Json& input);

// POST grants: shows the user's grants in the app, after they lost a token.
absl::StatusOr<Json> ChangeGrants(World& world, const Json& input);

// POST password_changed: all tokens of the user die.
absl::StatusOr<Json> ChangePassword(World& world, const Json& input);

// POST followers: the user follows an official account, or leaves it.
absl::StatusOr<Json> PutFollower(World& world, const Json& input);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_CONTROL_OAUTH_H_

#ifndef WXIDENT_SIMULATOR_CONTROL_USERS_H_
#define WXIDENT_SIMULATOR_CONTROL_USERS_H_

#include "absl/status/statusor.h"
#include "simulator/json.h"
#include "simulator/world.h"

// What a person with a phone in hand would do, for the control API. Each
// function takes the request's JSON and gives the answer's; kInvalidArgument
// names the field.

namespace wxident::simulator {

// POST users: makes the user, or changes what is given.
absl::StatusOr<Json> PutUser(World& world, const Json& input);

// POST login_code: the user calls wx.login. An unknown user is made up.
absl::StatusOr<Json> MakeLoginCode(World& world, const Json& input);

// POST phone_code: the user presses the getPhoneNumber button.
absl::StatusOr<Json> MakePhoneCode(World& world, const Json& input);

// POST encrypt: WeChat encrypts `payload` under the user's session_key.
absl::StatusOr<Json> Encrypt(World& world, const Json& input);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_CONTROL_USERS_H_

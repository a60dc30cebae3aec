#ifndef WXIDENT_SIMULATOR_CONTROL_WHO_H_
#define WXIDENT_SIMULATOR_CONTROL_WHO_H_

#include <string>

#include "simulator/input.h"
#include "simulator/world.h"

namespace wxident::simulator {

// Reads app_id and user, as most control calls have them. nullptr, with the
// error noted, when there is no such app; the user may be unknown.
const App* ReadWho(World& world, Input& in, std::string& user);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_CONTROL_WHO_H_

#ifndef WXIDENT_SIMULATOR_CONTROL_H_
#define WXIDENT_SIMULATOR_CONTROL_H_

#include "absl/strings/string_view.h"
#include "server/base/clock.h"
#include "simulator/config.h"
#include "simulator/faults.h"
#include "simulator/http.h"
#include "simulator/journal.h"
#include "simulator/world.h"

namespace wxident::simulator {

// Everything that POST /_sim/reset makes anew.
struct State {
  State(const Config& config, Clock& clock);

  World world;
  Faults faults;
  Journal journal;
};

inline constexpr absl::string_view kControlPrefix = "/_sim/";

// Answers one request under /_sim/, except reset, which is the owner's. Bad
// input is HTTP 400 with {"error": "FIELD: what to do"}.
HttpReply Control(State& state, const HttpRequest& request);

HttpReply ControlReply(int status, const Json& body);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_CONTROL_H_

#ifndef WXIDENT_SIMULATOR_ENDPOINTS_H_
#define WXIDENT_SIMULATOR_ENDPOINTS_H_

#include <string>
#include <vector>

#include "simulator/api.h"

namespace wxident::simulator {

// Every endpoint there is. A new one is a function like those in
// *_endpoints.h and a line in endpoints.cc.
const std::vector<Endpoint>& Endpoints();

// nullptr for a path that is not simulated.
const Endpoint* FindEndpoint(absl::string_view path);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_ENDPOINTS_H_

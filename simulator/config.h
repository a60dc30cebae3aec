#ifndef WXIDENT_SIMULATOR_CONFIG_H_
#define WXIDENT_SIMULATOR_CONFIG_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "simulator/apps.h"
#include "simulator/json.h"
#include "simulator/settings.h"

namespace wxident::simulator {

// What the simulated WeChat starts with, and returns to on POST /_sim/reset.
struct Config {
  uint64_t seed = 1;
  Apps apps;
  Settings settings;
};

// Adds {"apps": [...], "settings": {...}}, in the form of POST /_sim/apps and
// POST /_sim/settings, to `config`, whose seed makes the secrets that are not
// given. kInvalidArgument names the field.
absl::Status ApplyConfig(const Json& input, Config& config);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_CONFIG_H_

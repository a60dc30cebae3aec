#ifndef WXIDENT_SIMULATOR_CONTROL_APPS_H_
#define WXIDENT_SIMULATOR_CONTROL_APPS_H_

#include "absl/status/statusor.h"
#include "simulator/apps.h"
#include "simulator/json.h"
#include "simulator/maker.h"

namespace wxident::simulator {

// Makes the app that `input` describes, or changes the one that is there. The
// answer shows the app. kInvalidArgument names the field.
absl::StatusOr<Json> PutApp(const Maker& maker, Apps& apps, const Json& input);

Json AppToJson(const App& app);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_CONTROL_APPS_H_

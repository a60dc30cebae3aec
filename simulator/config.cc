#include "simulator/config.h"

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "simulator/control_apps.h"
#include "simulator/input.h"

namespace wxident::simulator {

absl::Status ApplyConfig(const Json& input, Config& config) {
  Input in(input);
  const Json* settings = in.OptionalObject("settings");
  const Json* apps = in.Any("apps");
  if (apps != nullptr && !apps->is_array())
    in.Fail("apps", "give a list of apps");
  WX_RETURN_IF_ERROR(in.Finish());

  if (settings != nullptr) {
    const absl::Status applied = ApplySettings(*settings, config.settings);
    if (!applied.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("settings.", applied.message()));
  }
  if (apps == nullptr) return absl::OkStatus();
  const Maker maker(config.seed);
  for (size_t i = 0; i < apps->size(); ++i) {
    const absl::Status put = PutApp(maker, config.apps, (*apps)[i]).status();
    if (!put.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("apps[", i, "].", put.message()));
  }
  return absl::OkStatus();
}

}  // namespace wxident::simulator

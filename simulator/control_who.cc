#include "simulator/control_who.h"

#include "absl/strings/str_cat.h"

namespace wxident::simulator {

const App* ReadWho(World& world, Input& in, std::string& user) {
  const std::string app_id = in.Text("app_id", "wx4f4bc4dec97d474b");
  user = in.Text("user", "alice (your own name for a person)");
  auto app = world.apps.find(app_id);
  if (app != world.apps.end()) return &app->second;
  in.Fail("app_id", absl::StrCat("no app ", app_id,
                                 "; make it with POST /_sim/apps first"));
  return nullptr;
}

}  // namespace wxident::simulator

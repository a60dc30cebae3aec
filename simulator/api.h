#ifndef WXIDENT_SIMULATOR_API_H_
#define WXIDENT_SIMULATOR_API_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "simulator/http.h"
#include "simulator/journal.h"
#include "simulator/json.h"
#include "simulator/world.h"

namespace wxident::simulator {

// One call of WeChat's API while it is answered.
struct ApiCall {
  const HttpRequest& request;

  // What the journal tells of the call; filled in as it becomes known.
  std::string app_id;
  std::string user;
  std::optional<Journal::Given> given;
};

// What an endpoint decides. The rid and the wording around it are added later.
struct Answer {
  int errcode = 0;
  // For an errcode: the text instead of the usual one. May be empty.
  std::string text;
  // For a success.
  Json body;

  bool ok() const { return errcode == 0; }
};

inline Answer Refuse(int errcode, std::string text = "") {
  return {errcode, std::move(text), {}};
}
inline Answer Succeed(Json body) { return {0, "", std::move(body)}; }
// {"errcode":0,"errmsg":"ok"}, the start of most answers.
inline Json OkBody() { return {{"errcode", 0}, {"errmsg", "ok"}}; }

struct Endpoint {
  absl::string_view path;
  absl::string_view method;
  Answer (*answer)(World& world, ApiCall& call);
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_API_H_

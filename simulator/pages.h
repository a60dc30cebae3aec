#ifndef WXIDENT_SIMULATOR_PAGES_H_
#define WXIDENT_SIMULATOR_PAGES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "simulator/http.h"
#include "simulator/world.h"

// The pages of open.weixin.qq.com, where a browser asks a person for consent
// and takes an OAuth code home.

namespace wxident::simulator {

// Their paths.
const std::vector<absl::string_view>& Pages();
bool IsPage(absl::string_view path);

// One visit while it is answered.
struct Visit {
  const HttpRequest& request;

  // For the journal.
  std::string app_id;
  std::string user;
  // What the error page shows; 0: it is none.
  int errcode = 0;
  // A code was made.
  bool effect = false;
};

// The form, an error page, or the way back to redirect_uri.
HttpReply AnswerVisit(World& world, Visit& visit);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_PAGES_H_

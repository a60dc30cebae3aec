#ifndef WXIDENT_SIMULATOR_PAGE_HTML_H_
#define WXIDENT_SIMULATOR_PAGE_HTML_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// The HTML of the authorisation pages. Texts are escaped here.

namespace wxident::simulator {

struct ConsentView {
  std::string title;
  std::string app_id;
  std::string scope;
  // Who may be chosen, and who is at first.
  std::vector<std::string> users;
  std::string chosen;
};
// A form that posts user, another and answer (allow or refuse) to the page's
// own URL.
std::string ConsentHtml(const ConsentView& view);

// One sentence, with an id by which a test finds it.
std::string NoticeHtml(absl::string_view id, absl::string_view text);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_PAGE_HTML_H_

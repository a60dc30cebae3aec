#ifndef WXIDENT_SIMULATOR_REDIRECT_URI_H_
#define WXIDENT_SIMULATOR_REDIRECT_URI_H_

#include <string>

#include "absl/strings/string_view.h"

namespace wxident::simulator {

// The host of an http or https URL, in lower case, without its port. Empty for
// anything else, for a URL that names a user, and for one with characters that
// a URL does not have.
std::string RedirectHost(absl::string_view uri);

// `uri` with "a=1&b=2" in its query.
std::string WithQuery(absl::string_view uri, absl::string_view parameters);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_REDIRECT_URI_H_

#ifndef WXIDENT_TESTS_INTEGRATION_HTTP_GET_H_
#define WXIDENT_TESTS_INTEGRATION_HTTP_GET_H_

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace wxident {

// The body that plain HTTP gives for `url`; nullopt when none came in time.
std::optional<std::string> HttpGet(const std::string& url,
                                   absl::Duration timeout);

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_HTTP_GET_H_

#ifndef WXIDENT_SERVER_HTTP_SERVER_RESPONSE_TEXT_H_
#define WXIDENT_SERVER_HTTP_SERVER_RESPONSE_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "server/http_server/web_messages.h"

namespace wxident {

// How a response leaves. `with_body` is false for the answer to HEAD, which
// tells the length of what it leaves out.
std::string ResponseText(const WebResponse& response, bool with_body,
                         bool keep_alive, absl::Time now);

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_SERVER_RESPONSE_TEXT_H_

#ifndef WXIDENT_SIMULATOR_HTTP_H_
#define WXIDENT_SIMULATOR_HTTP_H_

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace wxident::simulator {

// One HTTP request, read whole.
struct HttpRequest {
  std::string method;
  // Without the query.
  std::string path;
  // Decoded, in order.
  std::vector<std::pair<std::string, std::string>> query;
  std::string body;
  bool has_content_length = false;
  // The Cookie header.
  std::string cookies;
  std::string client_ip;

  // The first value of the parameter; empty when it is not there.
  const std::string& Query(absl::string_view name) const;
  // The cookie's value, URL-decoded; empty when it is not there.
  std::string Cookie(absl::string_view name) const;
};

// What goes back, and how the transport misbehaves while it does.
struct HttpReply {
  int status = 200;
  // Empty: no such header.
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  // Waited before the first byte.
  absl::Duration delay;
  // Content-Length tells the whole size, only this many bytes of the body
  // follow, and the connection closes.
  std::optional<size_t> cut_after;
  // Nothing is sent but a TCP RST.
  bool reset = false;
};

// "a=1&b=%20" without its "?". '+' is a space; a '%' that begins no escape
// stands for itself.
std::vector<std::pair<std::string, std::string>> ParseQuery(
    absl::string_view text);

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_HTTP_H_

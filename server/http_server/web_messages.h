#ifndef WXIDENT_SERVER_HTTP_SERVER_WEB_MESSAGES_H_
#define WXIDENT_SERVER_HTTP_SERVER_WEB_MESSAGES_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"

namespace wxident {

// By their names, in lower case; in the order in which they came.
using WebFields = std::vector<std::pair<std::string, std::string>>;

// A request to an HttpServer.
struct WebRequest {
  // As it came: "GET".
  std::string method;
  // Of the target, as it came: "/metrics".
  std::string path;
  // What follows '?'.
  std::string query;
  WebFields fields;
  std::string body;
  // Whether its connection may be used on.
  bool keep_alive = false;
};

struct WebResponse {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  // Besides those that every answer has.
  WebFields fields = {};
};

// How a handler answers: called once, on any thread, maybe before the handler
// returns.
using WebDone = absl::AnyInvocable<void(WebResponse) &&>;
// Called on the server's one thread, which it must not block.
using WebHandler = std::function<void(const WebRequest& request, WebDone done)>;

struct WebRoute {
  // "GET" takes HEAD, too; the answer's body then stays here.
  std::string method;
  WebHandler handler;
};

// By their paths.
using WebRoutes = absl::flat_hash_map<std::string, WebRoute>;

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_SERVER_WEB_MESSAGES_H_

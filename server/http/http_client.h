#ifndef WXIDENT_SERVER_HTTP_HTTP_CLIENT_H_
#define WXIDENT_SERVER_HTTP_HTTP_CLIENT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"

namespace wxident {

struct HttpRequest {
  enum class Method { kGet, kPost };
  Method method = Method::kGet;
  // https://host[:port]/path?query. A secret, for queries carry app secrets.
  Secret url;
  // Sent with Content-Length and Content-Type: application/json. POST only.
  Secret body;
  // Names the endpoint in metrics and logs: "jscode2session".
  std::string endpoint;
  Deadline deadline;
};

struct HttpResponse {
  int status;
  std::string body;
  // What the header Date says; nullopt when there is none or it is no date.
  std::optional<absl::Time> date = std::nullopt;
};

// Sends HTTPS requests. Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Calls `done` once, on the client's own thread or on the caller's; `done`
  // must not block. Any HTTP status is an answer. Errors:
  //   kResourceExhausted  the queue is full; nothing was sent
  //   kUnavailable        no connection, or it broke
  //   kDeadlineExceeded   the deadline passed
  //   kDataLoss           an answer came that is larger than the client takes,
  //                       or broke off
  // NothingSent() tells whether the request may have taken effect. The client
  // never repeats a request of which a byte may have left, and follows no
  // redirect.
  virtual void Send(HttpRequest request, Done<HttpResponse> done) = 0;
};

// Whether an error of Send came before the first byte of the request left. On
// false the request may have taken effect.
bool NothingSent(const absl::Status& error);

// For implementations: marks an error as one that came before anything left.
absl::Status MarkNothingSent(absl::Status error);

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_HTTP_CLIENT_H_

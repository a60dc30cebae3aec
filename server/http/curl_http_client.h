#ifndef WXIDENT_SERVER_HTTP_CURL_HTTP_CLIENT_H_
#define WXIDENT_SERVER_HTTP_CURL_HTTP_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/http/curl_http_options.h"
#include "server/http/http_client.h"

namespace wxident {

// HTTPS over libcurl's multi interface: one thread runs every transfer, and
// every `done` but those of requests refused at once is called on it. A request
// waits in a queue while its host has max_connections_per_host running, or its
// endpoint has as many of them as are free: so an endpoint that hangs leaves
// connections, and room in the queue, to the others.
//
// Only https, HTTP/1.1 and TLS 1.2 or later, with peer and name verified; no
// redirects, proxies, decompression or "Expect: 100-continue". No part of a
// URL but host and port, and nothing of a body, reaches a log, error or metric.
//
// Metrics: wxident_wechat_request_seconds{endpoint,outcome}, queue included,
// and wxident_wechat_requests_in_flight.
class CurlHttpClient final : public HttpClient {
 public:
  using Options = CurlHttpOptions;

  // `clock` must run at the machine's pace, for libcurl keeps time by itself.
  // `clock` and `metrics` must outlive the client. Errors: kInvalidArgument
  // when ca_file holds no certificate.
  static absl::StatusOr<std::unique_ptr<CurlHttpClient>> Create(
      Options options, Clock& clock, Metrics& metrics);

  // Ends what waits and what runs with kUnavailable, then joins the thread. A
  // `done` may still call Send; that is refused.
  ~CurlHttpClient() override;

  void Send(HttpRequest request, Done<HttpResponse> done) override;

 private:
  class Loop;
  explicit CurlHttpClient(std::unique_ptr<Loop> loop);

  std::unique_ptr<Loop> loop_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_CURL_HTTP_CLIENT_H_

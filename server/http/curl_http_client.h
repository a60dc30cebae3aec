#ifndef WXIDENT_SERVER_HTTP_CURL_HTTP_CLIENT_H_
#define WXIDENT_SERVER_HTTP_CURL_HTTP_CLIENT_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/http/http_client.h"

namespace wxident {

// HTTPS over libcurl's multi interface: one thread runs every transfer, and
// every `done` but those of requests refused at once is called on it. A request
// waits in a queue while its host has max_connections_per_host running.
//
// Only https, HTTP/1.1 and TLS 1.2 or later, with peer and name verified; no
// redirects, proxies, decompression or "Expect: 100-continue". No part of a
// URL but host and port, and nothing of a body, reaches a log, error or metric.
//
// Metrics: wxident_wechat_request_seconds{endpoint,outcome}, queue included,
// and wxident_wechat_requests_in_flight.
class CurlHttpClient final : public HttpClient {
 public:
  struct Options {
    // PEM; only these CAs are trusted. Empty: the system's.
    std::string ca_file;
    int max_connections_per_host = 64;
    // Requests that wait or run; one more is refused.
    int queue_limit = 1024;
    // Name look-up, TCP and TLS together. Half of what is left of the deadline
    // when that is less, so that time for another host remains.
    absl::Duration connect_timeout = absl::Seconds(1);
    // Bytes; also the limit for an answer's headers. A hundred followers with
    // long remarks and many tags, WeChat's largest answer, stay below 150 KiB.
    size_t max_body = 256 * 1024;
    // A connection idle for longer is not used again.
    absl::Duration keep_alive = absl::Seconds(60);
  };

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

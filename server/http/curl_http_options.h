#ifndef WXIDENT_SERVER_HTTP_CURL_HTTP_OPTIONS_H_
#define WXIDENT_SERVER_HTTP_CURL_HTTP_OPTIONS_H_

#include <cstddef>
#include <string>

#include "absl/time/time.h"

namespace wxident {

// CurlHttpClient::Options.
struct CurlHttpOptions {
  // PEM; only these CAs are trusted. Empty: the system's.
  std::string ca_file;
  // Of these and of the queue one endpoint alone gets half, see shares.h.
  int max_connections_per_host = 128;
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

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_CURL_HTTP_OPTIONS_H_

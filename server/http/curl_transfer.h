#ifndef WXIDENT_SERVER_HTTP_CURL_TRANSFER_H_
#define WXIDENT_SERVER_HTTP_CURL_TRANSFER_H_

#include <curl/curl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/done.h"
#include "server/crypto/secret.h"
#include "server/http/curl_http_options.h"
#include "server/http/curl_sockets.h"
#include "server/http/http_client.h"

namespace wxident {

// "host:port", or nullopt for what is not an https URL. This is all of a URL
// that may be shown.
std::optional<std::string> HostOf(const Secret& url);

// Rounded up, in what libcurl takes: at least 1, for 0 would mean no limit.
long CurlMilliseconds(absl::Duration left);

// One request from Send to its `done`. Belongs to the loop's thread once Send
// has handed it over.
struct CurlTransfer {
  CurlTransfer(HttpRequest request_in, Done<HttpResponse> done_in)
      : request(std::move(request_in)), done(std::move(done_in)) {}

  HttpRequest request;
  Done<HttpResponse> done;
  std::string host;
  absl::Duration started;

  std::unique_ptr<CURL, void (*)(CURL*)> easy{nullptr, curl_easy_cleanup};
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers{
      nullptr, curl_slist_free_all};
  const CurlSockets* sockets = nullptr;
  size_t max_body = 0;
  size_t header_bytes = 0;
  bool too_large = false;
  // Stopped before the request went onto a connection that the peer had closed.
  bool stale = false;
  std::string body;

  // Bytes of the request that TLS has taken, over all of libcurl's tries. Below
  // the first whole TLS record the peer can read nothing, and libcurl counts
  // only whole writes; so zero means that the peer has seen nothing.
  bool NothingLeft() const;

  absl::Status Fail(absl::StatusCode code, absl::string_view what) const;

  // What has come of the answer: its status, 0 before that, and the rest.
  // Leaves the body empty.
  HttpResponse TakeResponse();

  static size_t OnBody(char* data, size_t, size_t size, void* self);
  static size_t OnHeader(char*, size_t, size_t size, void* self);

  // libcurl asks before it sends the request on any connection, new or reused.
  // When a reused connection dies without an answer, libcurl takes another and
  // sends again, though the peer may have acted: that is stopped here.
  // It is also where a connection is left that its peer has closed: between
  // requests nothing but a farewell can wait on it. libcurl 7.88 looks for a
  // bare end of the stream only, and takes TLS's closing alert for life.
  static int BeforeSending(void* self, char*, char*, int, int local_port);
};

// Gives a transfer its libcurl handle, set up for the request but not started.
// False when libcurl refuses. `sockets` must outlive the connections.
bool PrepareTransfer(CurlTransfer& transfer, const CurlHttpOptions& options,
                     CurlSockets& sockets, Clock& clock);

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_CURL_TRANSFER_H_

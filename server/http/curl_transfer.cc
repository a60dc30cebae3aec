#include "server/http/curl_transfer.h"

#include <algorithm>
#include <cstdint>
#include <ctime>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

using Slist = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

Slist HeadersFor(HttpRequest::Method method) {
  curl_slist* list = nullptr;
  if (method == HttpRequest::Method::kPost) {
    list = curl_slist_append(list, "Content-Type: application/json");
    list = curl_slist_append(list, "Expect:");
  }
  return Slist(list, curl_slist_free_all);
}

}  // namespace

std::optional<std::string> HostOf(const Secret& url) {
  std::unique_ptr<CURLU, void (*)(CURLU*)> parts(curl_url(), curl_url_cleanup);
  char* scheme = nullptr;
  char* host = nullptr;
  char* port = nullptr;
  std::optional<std::string> out;
  if (curl_url_set(parts.get(), CURLUPART_URL, url.Expose().c_str(), 0) ==
          CURLUE_OK &&
      curl_url_get(parts.get(), CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
      absl::string_view(scheme) == "https" &&
      curl_url_get(parts.get(), CURLUPART_HOST, &host, 0) == CURLUE_OK &&
      curl_url_get(parts.get(), CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
          CURLUE_OK)
    out = absl::StrCat(host, ":", port);
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  return out;
}

long CurlMilliseconds(absl::Duration left) {
  return static_cast<long>(std::clamp<int64_t>(
      absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))), 1,
      absl::ToInt64Milliseconds(absl::Hours(1))));
}

bool CurlTransfer::NothingLeft() const {
  long sent = 0;
  return easy == nullptr ||
         (curl_easy_getinfo(easy.get(), CURLINFO_REQUEST_SIZE, &sent) ==
              CURLE_OK &&
          sent == 0);
}

absl::Status CurlTransfer::Fail(absl::StatusCode code,
                                absl::string_view what) const {
  absl::Status error(code,
                     absl::StrCat(request.endpoint, " at ", host, ": ", what));
  return NothingLeft() ? MarkNothingSent(std::move(error)) : error;
}

HttpResponse CurlTransfer::TakeResponse() {
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  HttpResponse response{static_cast<int>(status), std::move(body)};
  curl_header* date = nullptr;
  if (curl_easy_header(easy.get(), "Date", 0, CURLH_HEADER, -1, &date) ==
      CURLHE_OK) {
    const time_t seconds = curl_getdate(date->value, nullptr);
    if (seconds >= 0) response.date = absl::FromTimeT(seconds);
  }
  return response;
}

size_t CurlTransfer::OnBody(char* data, size_t, size_t size, void* self) {
  auto* transfer = static_cast<CurlTransfer*>(self);
  if (transfer->body.size() + size > transfer->max_body) {
    transfer->too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  transfer->body.append(data, size);
  return size;
}

size_t CurlTransfer::OnHeader(char*, size_t, size_t size, void* self) {
  auto* transfer = static_cast<CurlTransfer*>(self);
  transfer->header_bytes += size;
  if (transfer->header_bytes > transfer->max_body) {
    transfer->too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  return size;
}

int CurlTransfer::BeforeSending(void* self, char*, char*, int, int local_port) {
  auto* transfer = static_cast<CurlTransfer*>(self);
  if (!transfer->NothingLeft()) return CURL_PREREQFUNC_ABORT;
  long connects = 0;
  curl_easy_getinfo(transfer->easy.get(), CURLINFO_NUM_CONNECTS, &connects);
  transfer->stale = connects == 0 && transfer->sockets->Readable(local_port);
  return transfer->stale ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

bool PrepareTransfer(CurlTransfer& transfer, const CurlHttpOptions& options,
                     CurlSockets& sockets, Clock& clock) {
  transfer.easy.reset(curl_easy_init());
  CURL* easy = transfer.easy.get();
  if (easy == nullptr) return false;
  const absl::Duration left = transfer.request.deadline.Left(clock);
  transfer.max_body = options.max_body;
  transfer.sockets = &sockets;
  transfer.stale = false;
  transfer.headers = HeadersFor(transfer.request.method);

  CURLcode result = CURLE_OK;
  const auto set = [&](CURLoption option, auto value) {
    if (result == CURLE_OK) result = curl_easy_setopt(easy, option, value);
  };
  set(CURLOPT_URL, transfer.request.url.Expose().c_str());
  set(CURLOPT_PROTOCOLS_STR, "https");
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  // The system's folder of CAs must not add to the file.
  set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
  // Empty, not unset: unset means what the environment says.
  set(CURLOPT_PROXY, "");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  // A name look-up that hangs is left to its own thread, not waited for.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_TIMEOUT_MS, CurlMilliseconds(left));
  set(CURLOPT_CONNECTTIMEOUT_MS,
      CurlMilliseconds(std::min(options.connect_timeout, left / 2)));
  set(CURLOPT_MAXAGE_CONN,
      static_cast<long>(absl::ToInt64Seconds(options.keep_alive)));
  set(CURLOPT_WRITEFUNCTION, &CurlTransfer::OnBody);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_HEADERFUNCTION, &CurlTransfer::OnHeader);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_OPENSOCKETFUNCTION, &CurlSockets::Open);
  set(CURLOPT_OPENSOCKETDATA, &sockets);
  set(CURLOPT_CLOSESOCKETFUNCTION, &CurlSockets::Close);
  set(CURLOPT_CLOSESOCKETDATA, &sockets);
  set(CURLOPT_PREREQFUNCTION, &CurlTransfer::BeforeSending);
  set(CURLOPT_PREREQDATA, &transfer);
  if (transfer.request.method == HttpRequest::Method::kPost) {
    const std::string& body = transfer.request.body.Expose();
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, body.c_str());
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    set(CURLOPT_HTTPHEADER, transfer.headers.get());
  }
  return result == CURLE_OK;
}

}  // namespace wxident

#ifndef WXIDENT_TESTS_HTTP_CURL_HTTP_CLIENT_FIXTURE_H_
#define WXIDENT_TESTS_HTTP_CURL_HTTP_CLIENT_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/deadline.h"
#include "server/base/metrics.h"
#include "server/crypto/secret.h"
#include "server/http/curl_http_client.h"
#include "server/http/http_client.h"
#include "tests/http/tls_server.h"

namespace wxident {

// Stands in every URL and body; must never be seen.
inline constexpr char kCanary[] = "canary7f3a";

// Makes clients and fetches with them. No error and no metric may hold kCanary:
// Fetch and the end of each test check that.
class CurlHttpClientTest : public testing::Test {
 protected:
  std::unique_ptr<CurlHttpClient> NewClient(const std::string& ca_file) {
    options_.ca_file = ca_file;
    auto client = CurlHttpClient::Create(options_, SystemClock(), metrics_);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  HttpRequest Get(const std::string& base,
                  absl::Duration left = absl::Seconds(20)) {
    return HttpRequest{HttpRequest::Method::kGet,
                       Secret(absl::StrCat(base, "/path?secret=", kCanary)),
                       Secret(), "ping", Deadline::After(left, SystemClock())};
  }

  static std::future<absl::StatusOr<HttpResponse>> Start(HttpClient& client,
                                                         HttpRequest request) {
    auto promise =
        std::make_shared<std::promise<absl::StatusOr<HttpResponse>>>();
    std::future<absl::StatusOr<HttpResponse>> future = promise->get_future();
    client.Send(std::move(request),
                [promise](absl::StatusOr<HttpResponse> response) mutable {
                  promise->set_value(std::move(response));
                });
    return future;
  }

  static absl::StatusOr<HttpResponse> Fetch(HttpClient& client,
                                            HttpRequest request) {
    absl::StatusOr<HttpResponse> response =
        Start(client, std::move(request)).get();
    EXPECT_THAT(std::string(response.status().message()),
                testing::Not(testing::HasSubstr(kCanary)));
    return response;
  }

  void TearDown() override {
    EXPECT_THAT(metrics_.Text(), testing::Not(testing::HasSubstr(kCanary)));
  }

  CurlHttpClient::Options options_;
  Metrics metrics_;
};

// Reads requests and answers each with its number on the connection.
inline void Count(TlsServer::Connection& connection) {
  for (int i = 1; connection.ReadRequest().has_value(); ++i)
    connection.Answer(absl::StrCat("answer ", i));
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_HTTP_CURL_HTTP_CLIENT_FIXTURE_H_

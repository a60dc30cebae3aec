#ifndef WXIDENT_TESTS_HTTP_SERVER_HTTP_SERVER_FIXTURE_H_
#define WXIDENT_TESTS_HTTP_SERVER_HTTP_SERVER_FIXTURE_H_

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"
#include "server/http_server/http_server.h"
#include "server/http_server/metrics_route.h"
#include "tests/http_server/web_client.h"

namespace wxident {

inline constexpr char kGetMetrics[] =
    "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n";
inline constexpr char kHalfARequest[] = "GET /metrics HTTP/1.1\r\nhost";

// An HttpServer on loopback with metrics and a few other paths.
class HttpServerFixture : public testing::Test {
 protected:
  static constexpr absl::Duration kPatience = WebClient::kPatience;

  void Start(HttpServer::Limits limits = {}) {
    WebRoutes routes = MetricsRoutes(metrics_);
    // Tells the request's body, and its query.
    routes["/echo"] = {
        "POST", [](const WebRequest& request, WebDone done) {
          std::move(done)(
              {.body = absl::StrCat(request.query, "|", request.body)});
        }};
    routes["/large"] = {"GET", [](const WebRequest&, WebDone done) {
                          std::move(done)({.body = std::string(4 << 20, 'x')});
                        }};
    // Answers when the test does.
    routes["/later"] = {"GET", [this](const WebRequest&, WebDone done) {
                          std::lock_guard<std::mutex> lock(mutex_);
                          later_.push_back(std::move(done));
                          changed_.notify_all();
                        }};
    auto server = HttpServer::Start(
        {.addr = "127.0.0.1:0", .routes = std::move(routes), .limits = limits},
        metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  int port() const { return server_->port(); }

  // What a well-behaved client gets, over a connection of its own.
  WebClient::Answer Scrape() const {
    WebClient client(port());
    EXPECT_TRUE(client.Send(kGetMetrics));
    return client.Read();
  }

  WebDone TakeLater() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoMilliseconds(kPatience),
                      [this] { return !later_.empty(); });
    WebDone out = std::move(later_.back());
    later_.pop_back();
    return out;
  }

  bool WaitForMetric(const std::string& line) const {
    const absl::Time give_up = absl::Now() + kPatience;
    while (metrics_.Text().find(line) == std::string::npos) {
      if (absl::Now() > give_up) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }
  bool WaitForCut(const std::string& why) const {
    return WaitForMetric(absl::StrCat("wxident_connections_cut_total{addr=\"",
                                      server_->addr(), "\",why=\"", why,
                                      "\"} "));
  }
  bool WaitForConnections(int count) const {
    return WaitForMetric(absl::StrCat("wxident_connections{addr=\"",
                                      server_->addr(), "\"} ", count, "\n"));
  }

  Metrics metrics_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<WebDone> later_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_HTTP_SERVER_HTTP_SERVER_FIXTURE_H_

#ifndef WXIDENT_TESTS_EDGE_SERVER_FIXTURE_H_
#define WXIDENT_TESTS_EDGE_SERVER_FIXTURE_H_

#include <gtest/gtest.h>
#include <signal.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"
#include "server/crypto/secret.h"
#include "server/edge/edge_server.h"
#include "server/tls/tls_server.h"
#include "tests/edge/edge_client.h"
#include "tests/edge/test_handlers.h"
#include "tests/tls/test_ca.h"
#include "tests/tls/tls_client.h"

namespace wxident {

// An EdgeServer on loopback with a few methods.
class ServerFixture : public testing::Test {
 protected:
  static constexpr absl::Duration kPatience = absl::Seconds(60);

  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);
    methods_["/a/Echo"] =
        TestMethod({.message = [](Call& call, absl::string_view message) {
          call.Reply(std::string(message));
        }});
    // Tells the URI of its client's certificate.
    methods_["/a/Who"] =
        TestMethod({.message = [](Call& call, absl::string_view) {
          const auto& shown = call.peer().certificates;
          call.Reply(shown.empty() ? "nobody" : shown.front().uris.front());
        }});
    // Never answers by itself.
    methods_["/a/Hang"] =
        TestMethod({.message =
                        [this](Call& call, absl::string_view) {
                          std::lock_guard<std::mutex> lock(mutex_);
                          hanging_ = &call;
                          changed_.notify_all();
                        },
                    .cancel = [](Call& call) { call.Finish({}); }});
  }

  void Start(EdgeServer::Options options) {
    options.addr = "127.0.0.1:0";
    options.methods = methods_;
    auto server = EdgeServer::Start(std::move(options), metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  void StartTls(EdgeServer::Options options = {}, std::string cas = "") {
    options.tls = [tls = *TlsServer::Create(tls_.pem, Secret(tls_.key),
                                            cas.empty() ? ca_.pem : cas)] {
      return tls;
    };
    Start(std::move(options));
  }

  // `before` is what a balancer says.
  std::unique_ptr<EdgeClient> Connect(const std::string& before = "") const {
    return std::make_unique<EdgeClient>(server_->addr(), nullptr, "",
                                        H2Client::kUsualWindow, before);
  }
  std::unique_ptr<EdgeClient> ConnectTls(TlsClientOptions options = {},
                                         const std::string& before = "") const {
    if (options.shown == nullptr) options.shown = &caller_;
    return std::make_unique<EdgeClient>(server_->addr(), &options, ca_.pem,
                                        H2Client::kUsualWindow, before);
  }

  Call* WaitForHanging() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoMilliseconds(kPatience),
                      [this] { return hanging_ != nullptr; });
    return std::exchange(hanging_, nullptr);
  }

  bool WaitForMetric(const std::string& line) const {
    const absl::Time give_up = absl::Now() + kPatience;
    while (metrics_.Text().find(line) == std::string::npos) {
      if (absl::Now() > give_up) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }
  bool WaitForConnections(int count) const {
    return WaitForMetric(absl::StrCat("wxident_connections{addr=\"",
                                      server_->addr(), "\"} ", count, "\n"));
  }
  bool WaitForCut(const std::string& why) const {
    return WaitForMetric(absl::StrCat("wxident_connections_cut_total{addr=\"",
                                      server_->addr(), "\",why=\"", why,
                                      "\"} "));
  }

  const TestCertificate ca_ = MakeTestCa();
  const TestCertificate tls_ = MakeTestCertificate({.on_loopback = true}, &ca_);
  const TestCertificate caller_ =
      MakeTestCertificate({.uris = {"spiffe://corp/a"}}, &ca_);
  Metrics metrics_;
  EdgeMethods methods_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Call* hanging_ = nullptr;
  std::unique_ptr<EdgeServer> server_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_SERVER_FIXTURE_H_

// grpc-go's interoperability client against the edge, in plain text and over
// TLS with a client certificate.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/metrics.h"
#include "server/crypto/secret.h"
#include "server/edge/edge_server.h"
#include "server/tls/tls_server.h"
#include "tests/edge/gate_programs.h"
#include "tests/edge/interop_service.h"
#include "tests/edge/tls_tunnel.h"
#include "tests/integration/process.h"
#include "tests/tls/test_ca.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class InteropTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { signal(SIGPIPE, SIG_IGN); }

  void Start(bool tls) {
    EdgeServer::Options options{.addr = "127.0.0.1:0",
                                .methods = InteropMethods(),
                                // The cases have messages of 272 KB.
                                .max_message_bytes = 1 << 20};
    if (tls)
      options.tls = [server = *TlsServer::Create(tls_.pem, Secret(tls_.key),
                                                 ca_.pem)] { return server; };
    auto server = EdgeServer::Start(std::move(options), metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void RunCase(const std::string& port) {
    Process client({GateProgram("grpc-interop-client"),
                    "--server_host=127.0.0.1",
                    absl::StrCat("--server_port=", port),
                    absl::StrCat("--test_case=", GetParam())});
    EXPECT_EQ(client.Wait(), 0) << client.log();
    server_.reset();
    EXPECT_THAT(metrics_.Text(), Not(HasSubstr("connections_cut")));
  }

  const TestCertificate ca_ = MakeTestCa();
  const TestCertificate tls_ = MakeTestCertificate({.on_loopback = true}, &ca_);
  const TestCertificate client_ = MakeTestCertificate({}, &ca_);
  Metrics metrics_;
  std::unique_ptr<EdgeServer> server_;
};

TEST_P(InteropTest, Plain) {
  Start(false);
  RunCase(server_->addr().substr(server_->addr().rfind(':') + 1));
}

TEST_P(InteropTest, WithTls) {
  Start(true);
  const TlsTunnel tunnel(server_->addr(), ca_.pem, client_);
  RunCase(absl::StrCat(tunnel.port()));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, InteropTest,
    testing::Values("empty_unary", "large_unary", "client_streaming",
                    "server_streaming", "ping_pong", "empty_stream",
                    "timeout_on_sleeping_server", "cancel_after_begin",
                    "cancel_after_first_response", "status_code_and_message",
                    "special_status_message", "custom_metadata",
                    "unimplemented_method", "unimplemented_service"),
    [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace wxident

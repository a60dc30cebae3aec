// Who calls when a proxy or a balancer stands between.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "tests/hostile/raw_peer.h"
#include "tests/integration/http_get.h"
#include "tests/integration/tls_world.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

constexpr char kField[] = "x-forwarded-client-cert";
constexpr char kOrders[] = "spiffe://corp/orders";
constexpr char kGateway[] = "spiffe://corp/gateway";
constexpr absl::Duration kPatience = absl::Seconds(60);

class ForwardedTest : public testing::Test {
 protected:
  // A call over the gateway's connection, or of a caller's own.
  std::string ReasonFor(const std::shared_ptr<grpc::Channel>& channel,
                        const std::string& forwarded) {
    const auto context = Within();
    if (!forwarded.empty()) context->AddMetadata(kField, forwarded);
    v1::LoginRequest request;
    request.set_app_id(kMiniProgram);
    request.set_mini_program_code("a-code-that-nobody-has");
    v1::LoginResponse response;
    return ReasonOf(v1::IdentityService::NewStub(channel)->Login(
        context.get(), request, &response));
  }

  // Of a certificate as nginx forwards it.
  static std::string Cert(const TestCertificate& certificate) {
    return absl::StrCat(
        "Cert=\"",
        absl::StrReplaceAll(certificate.pem, {{"\n", "%0A"}, {" ", "%20"}}),
        "\"");
  }

  std::string Metrics() {
    return HttpGet(absl::StrCat("http://127.0.0.1:", server_.metrics_port(),
                                "/metrics"),
                   absl::Seconds(20))
        .value_or("");
  }
  bool WaitForMetric(const std::string& text) {
    const absl::Time end = absl::Now() + kPatience;
    while (!absl::StrContains(Metrics(), text)) {
      if (absl::Now() > end) return false;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return true;
  }

  TlsWorld world_;
  Wxidentd server_{world_,
                   world_.Flags({"--grpc-forwarded-by", kGateway,
                                 "--grpc-proxy-protocol-from", "127.0.0.9"})};
  const TestCertificate gateway_ = world_.NewCaller(kGateway);
  const TestCertificate orders_ = world_.NewCaller(kOrders);
};

TEST_F(ForwardedTest, AProxysCallsAreItsCallers) {
  const auto gateway = world_.Connect(server_.addr(), gateway_);
  const std::string reader = "By=x;Hash=y;URI=spiffe://corp/reader";
  EXPECT_EQ(ReasonFor(gateway, "By=x;URI=spiffe://corp/orders"),
            "LOGIN_CODE_INVALID");
  EXPECT_EQ(ReasonFor(gateway, Cert(orders_)), "LOGIN_CODE_INVALID");
  EXPECT_EQ(ReasonFor(gateway, reader), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(ReasonFor(gateway, "URI=spiffe://corp/orders," + reader),
            "CALLER_NOT_ALLOWED");
  EXPECT_EQ(ReasonFor(gateway, ""), "CALLER_UNAUTHENTICATED");
  EXPECT_EQ(ReasonFor(gateway, "URI=spiffe://corp/gateway"),
            "CALLER_UNAUTHENTICATED");
  // From others it counts for nothing.
  EXPECT_EQ(ReasonFor(world_.Connect(server_.addr(), orders_), reader),
            "LOGIN_CODE_INVALID");
  EXPECT_EQ(ReasonFor(world_.Connect(server_.addr(),
                                     world_.NewCaller("spiffe://corp/reader")),
                      "URI=spiffe://corp/orders"),
            "CALLER_NOT_ALLOWED");

  world_.WriteRevoked({orders_});
  const absl::Time end = absl::Now() + kPatience;
  while (ReasonFor(gateway, Cert(orders_)) != "CALLER_UNAUTHENTICATED")
    ASSERT_LT(absl::Now(), end);
  EXPECT_EQ(ReasonFor(gateway, Cert(world_.NewCaller(kOrders))),
            "LOGIN_CODE_INVALID");
  world_.WriteRevoked({gateway_});
  while (ReasonFor(gateway, "URI=spiffe://corp/orders") !=
         "CALLER_UNAUTHENTICATED")
    ASSERT_LT(absl::Now(), end);

  // The audit log has whom it was for.
  EXPECT_EQ(server_.Stop(), 0);
  int as_orders = 0;
  for (const nlohmann::json& line : world_.Calls()) {
    EXPECT_NE(line["caller"], kGateway) << line;
    if (line["caller"] == kOrders) ++as_orders;
  }
  EXPECT_GE(as_orders, 3);
}

TEST_F(ForwardedTest, ABalancerMustSayWhoseAConnectionIs) {
  const auto say = [&](const std::string& source, const std::string& what) {
    RawPeer peer(server_.addr(), absl::Now() + kPatience, source);
    EXPECT_TRUE(peer.Send(what));
    EXPECT_TRUE(peer.Listen(kPatience));
  };
  const std::string header = "PROXY TCP4 203.0.113.7 192.0.2.200 4711 8443\r\n";
  const std::string no_tls = "no handshake of TLS";
  say("127.0.0.9", no_tls);
  EXPECT_TRUE(
      WaitForMetric(absl::StrCat("wxident_connections_cut_total{addr=\"",
                                 server_.addr(), "\",why=\"proxy\"} 1\n")));
  say("127.0.0.9", header + no_tls);
  EXPECT_TRUE(server_.process()
                  .WaitForLine("203.0.113.7 4711 by 127.0.0.9")
                  .has_value());
  // Who is no balancer is no other one either.
  say("127.0.0.1", header + no_tls);
  EXPECT_TRUE(WaitForMetric(absl::StrCat(
      "wxident_handshake_failures_total{addr=\"", server_.addr(), "\"} 2\n")));
  EXPECT_EQ(ReasonFor(world_.Connect(server_.addr(), orders_), ""),
            "LOGIN_CODE_INVALID");
}

}  // namespace
}  // namespace wxident

// Whose a connection is: behind a balancer, the client's that its header names;
// behind one IP, its certificate's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/edge/proxy_headers.h"
#include "tests/edge/server_fixture.h"
#include "tests/hostile/http2_frames.h"
#include "tests/hostile/raw_peer.h"

namespace wxident {
namespace {

using ::testing::StartsWith;

constexpr char kBalancer[] = "127.0.0.1";
constexpr char kSomebody[] = "127.0.0.9";

class EdgeProxyTest : public ServerFixture {
 protected:
  void SetUp() override {
    ServerFixture::SetUp();
    methods_["/a/Where"] = TestMethod({.message = [](Call& call,
                                                     absl::string_view) {
      const EdgePeer& peer = call.peer();
      call.Reply(absl::StrCat(peer.ip, " ", peer.port, " by ", peer.balancer));
    }});
  }

  EdgeServer::Options BehindBalancer() const {
    EdgeServer::Options options;
    EXPECT_TRUE(options.balancers.Add(kBalancer).ok());
    return options;
  }

  std::string Where(EdgeClient& client) {
    const H2Answer answer = client.Call("/a/Where", "");
    return answer.messages.empty() ? "" : answer.messages[0];
  }
  bool IsServed(EdgeClient& client) {
    return client.Call("/a/Echo", "hello").status() == 0;
  }

  bool WaitForCount(const std::string& metric, int count) const {
    return WaitForMetric(
        absl::StrCat(metric, "{addr=\"", server_->addr(), "\"} ", count, "\n"));
  }

  // Lets it break a bound of HTTP/2's, over TLS or not.
  void Flood(EdgeClient& client) {
    ASSERT_TRUE(client.Send());
    std::string pings;
    for (int i = 0; i < 1'000; ++i) pings += Frame(kPing, 0, 0, "12345678");
    for (int i = 0; i < 100 && client.tls()->Write(pings); ++i) {
    }
    EXPECT_TRUE(WaitForCut("frames"));
  }
};

TEST_F(EdgeProxyTest, ABalancerTellsItsClientsAddress) {
  const std::string tcp4 = ProxyV2Tcp4("203.0.113.7", 4711);
  const std::string line = "PROXY TCP4 203.0.113.8 192.0.2.200 4712 8443\r\n";
  for (const bool tls : {false, true}) {
    if (tls)
      StartTls(BehindBalancer());
    else
      Start(BehindBalancer());
    const auto where = [&](const std::string& before) {
      return Where(tls ? *ConnectTls({}, before) : *Connect(before));
    };
    EXPECT_EQ(where(tcp4), "203.0.113.7 4711 by 127.0.0.1");
    EXPECT_EQ(where(line), "203.0.113.8 4712 by 127.0.0.1");
    EXPECT_EQ(where(ProxyV2Tcp6("2001:db8::7", 1)),
              "2001:db8::7 1 by 127.0.0.1");
    // What it says for itself.
    const std::string own = where(ProxyV2(0x20, 0, ""));
    EXPECT_THAT(own, StartsWith("127.0.0.1 "));
    EXPECT_THAT(own, ::testing::EndsWith(" by "));
    EXPECT_TRUE(WaitForConnections(0));
  }
}

TEST_F(EdgeProxyTest, AHeaderMayComeInPiecesAndWithWhatFollows) {
  Start(BehindBalancer());
  const std::string all =
      absl::StrCat(ProxyV2Tcp4("203.0.113.7", 4711, "extension"), kClientMagic,
                   Frame(kSettings, 0, 0, ""), Frame(kPing, 0, 0, "12345678"));
  for (const size_t size : {size_t{1}, size_t{16}, size_t{40}, all.size()}) {
    RawPeer peer(server_->addr(), absl::Now() + kPatience, kBalancer);
    for (size_t at = 0; at < all.size(); at += size)
      ASSERT_TRUE(peer.Send(absl::string_view(all).substr(at, size)));
    const absl::Time give_up = absl::Now() + kPatience;
    while (!absl::StrContains(peer.heard(), "12345678") &&
           absl::Now() < give_up)
      ASSERT_FALSE(peer.Listen(absl::Milliseconds(1)));
  }
}

TEST_F(EdgeProxyTest, WhatIsNoHeaderIsCut) {
  StartTls(BehindBalancer());
  EXPECT_FALSE(IsServed(*ConnectTls()));
  EXPECT_TRUE(WaitForCut("proxy"));
  {
    RawPeer half(server_->addr(), absl::Now() + kPatience, kBalancer);
    ASSERT_TRUE(half.Send("PROXY TCP4"));
  }
  EXPECT_TRUE(
      WaitForMetric(absl::StrCat("wxident_connections_cut_total{addr=\"",
                                 server_->addr(), "\",why=\"proxy\"} 2\n")));
  // None of it is held against the balancer's clients.
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(IsServed(*ConnectTls()));
  const auto client = ConnectTls({}, ProxyV2Tcp4("203.0.113.7", 4711));
  EXPECT_TRUE(IsServed(*client));
}

TEST_F(EdgeProxyTest, ABalancerThatSaysNothingIsGivenUp) {
  StartTls(BehindBalancer());
  // Its checks of whether somebody listens, which are no failures.
  for (const std::string& said : {std::string(), ProxyV2(0x20, 0, "")}) {
    RawPeer check(server_->addr(), absl::Now() + kPatience, kBalancer);
    ASSERT_TRUE(check.Send(said));
  }
  RawPeer mute(server_->addr(), absl::Now() + kPatience, kBalancer);
  EXPECT_TRUE(mute.Listen(kPatience));
  RawPeer slow(server_->addr(), absl::Now() + kPatience, kBalancer);
  bool closed = false;
  for (const char byte : ProxyV2Tcp4("203.0.113.7", 4711, "a long extension")) {
    closed = !slow.Send({&byte, 1}) || slow.Listen(absl::Milliseconds(200));
    if (closed) break;
  }
  EXPECT_TRUE(closed);
  EXPECT_TRUE(WaitForConnections(0));
  EXPECT_TRUE(WaitForCount("wxident_handshake_failures_total", 2));
}

TEST_F(EdgeProxyTest, NobodyElseMaySaySo) {
  EdgeServer::Options options;
  ASSERT_TRUE(options.balancers.Add(kSomebody).ok());
  const std::string header = ProxyV2Tcp4("203.0.113.7", 4711);
  StartTls(options);
  EXPECT_FALSE(IsServed(*ConnectTls({}, header)));
  EXPECT_TRUE(WaitForCount("wxident_handshake_failures_total", 1));
  EXPECT_TRUE(IsServed(*ConnectTls()));
  Start(options);
  EXPECT_FALSE(IsServed(*Connect(header)));
  EXPECT_TRUE(WaitForCount("wxident_handshake_failures_total", 1));
  EXPECT_TRUE(IsServed(*Connect()));
}

TEST_F(EdgeProxyTest, BehindABalancerEachClientHasItsOwnBounds) {
  EdgeServer::Options options = BehindBalancer();
  options.limits.connections_of_an_ip = 2;
  Start(options);
  const std::string one = ProxyV2Tcp4("203.0.113.1", 1);
  const std::string other = ProxyV2Tcp4("203.0.113.2", 1);
  const auto first = Connect(one);
  const auto second = Connect(one);
  EXPECT_TRUE(IsServed(*first));
  EXPECT_TRUE(IsServed(*second));
  EXPECT_FALSE(IsServed(*Connect(one)));
  EXPECT_TRUE(WaitForCount("wxident_connections_refused_total", 1));
  const auto third = Connect(other);
  EXPECT_TRUE(IsServed(*third));
  EXPECT_TRUE(WaitForConnections(3));
}

TEST_F(EdgeProxyTest, BehindABalancerAPenaltyIsItsClients) {
  StartTls(BehindBalancer());
  const TestCertificate nameless = MakeTestCertificate({}, &ca_);
  const auto connect = [&](const std::string& ip) {
    return ConnectTls({.shown = &nameless}, ProxyV2Tcp4(ip, 1));
  };
  Flood(*connect("203.0.113.1"));
  EXPECT_FALSE(IsServed(*connect("203.0.113.1")));
  EXPECT_TRUE(WaitForCount("wxident_connections_refused_total", 1));
  EXPECT_TRUE(IsServed(*connect("203.0.113.2")));
}

TEST_F(EdgeProxyTest, BehindOneIpAPenaltyIsTheCertificates) {
  StartTls();
  const TestCertificate bad =
      MakeTestCertificate({.uris = {"spiffe://corp/bad"}}, &ca_);
  Flood(*ConnectTls({.shown = &bad}));
  EXPECT_FALSE(IsServed(*ConnectTls({.shown = &bad})));
  EXPECT_TRUE(WaitForCount("wxident_connections_refused_total", 1));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(IsServed(*ConnectTls()));
}

// The connections of a proxy are of many callers.
TEST_F(EdgeProxyTest, AProxysConnectionsDoNotPayForOneAnother) {
  EdgeServer::Options options;
  options.proxies = {"spiffe://corp/proxy"};
  options.limits.connections_of_an_ip = 2;
  StartTls(options);
  const TestCertificate proxy =
      MakeTestCertificate({.uris = {"spiffe://corp/proxy"}}, &ca_);
  Flood(*ConnectTls({.shown = &proxy}));
  std::vector<std::unique_ptr<EdgeClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(ConnectTls({.shown = &proxy}));
    EXPECT_TRUE(IsServed(*clients.back()));
  }
}

TEST_F(EdgeProxyTest, BehindOneIpCallersHaveTheirOwnBounds) {
  StartTls({.limits = {.connections_of_an_ip = 2}});
  const TestCertificate many =
      MakeTestCertificate({.uris = {"spiffe://corp/many"}}, &ca_);
  std::vector<std::unique_ptr<EdgeClient>> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(ConnectTls({.shown = &many}));
    EXPECT_TRUE(IsServed(*clients.back()));
  }
  EXPECT_FALSE(IsServed(*ConnectTls({.shown = &many})));
  EXPECT_TRUE(IsServed(*ConnectTls()));
}

}  // namespace
}  // namespace wxident

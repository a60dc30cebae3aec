// The configurations of docs/proxies as they stand, but for addresses and
// folders, each before a server of the edge.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "server/base/metrics.h"
#include "server/callers/forwarded_certificate.h"
#include "server/crypto/secret.h"
#include "server/edge/edge_server.h"
#include "server/tls/tls_server.h"
#include "tests/base/temp_folder.h"
#include "tests/edge/connect_to.h"
#include "tests/edge/edge_client.h"
#include "tests/edge/test_handlers.h"
#include "tests/hostile/http2_frames.h"
#include "tests/integration/process.h"
#include "tests/tls/test_ca.h"

namespace wxident {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr char kField[] = "x-forwarded-client-cert";

// One that nobody had a moment ago.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = LoopbackAddress("127.0.0.1:0");
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  EXPECT_NE(out.str(), "") << path;
  return out.str();
}

class ProxiesTest : public testing::Test {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);
    // Where the client is, and who it is by the connection and by what was
    // forwarded.
    methods_["/a/Who"] = TestMethod({.message = [](Call& call,
                                                   absl::string_view) {
      const EdgePeer& peer = call.peer();
      const auto forwarded = ReadForwardedCertificate(call.metadata());
      call.Reply(absl::StrCat(
          peer.ip, peer.balancer.empty() ? "" : " by ", peer.balancer, "; ",
          peer.certificates.front().uris.front(), "; ",
          forwarded.ok() ? absl::StrJoin(forwarded->uris, " ") : "nobody",
          forwarded.ok() ? " " : "", forwarded.ok() ? forwarded->serial : ""));
    }});
    methods_["/a/Echo"] =
        TestMethod({.message = [](Call& call, absl::string_view message) {
          call.Reply(std::string(message));
        }});
    folder_.Write("server.crt", server_.pem);
    folder_.Write("server.key", server_.key);
    folder_.Write("server.pem", server_.pem + server_.key);
    folder_.Write("gateway.crt", gateway_.pem);
    folder_.Write("gateway.key", gateway_.key);
    folder_.Write("gateway.pem", gateway_.pem + gateway_.key);
    folder_.Write("callers-ca.crt", callers_ca_.pem);
    folder_.Write("wxident-ca.crt", servers_ca_.pem);
  }

  void Serve(EdgeServer::Options options) {
    options.addr = "127.0.0.1:0";
    options.methods = methods_;
    options.tls = [tls = *TlsServer::Create(
                       server_.pem, Secret(server_.key),
                       callers_ca_.pem + gateways_ca_.pem)] { return tls; };
    auto server = EdgeServer::Start(std::move(options), metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    edge_ = *std::move(server);
  }

  // Starts the program of a file of docs/proxies, and waits until a caller gets
  // a connection.
  void StartProxy(const std::string& file) {
    for (int i = 0; i < 5; ++i) {
      addr_ = absl::StrCat("127.0.0.1:", FreePort());
      const std::string path = folder_.Write(
          file, absl::StrReplaceAll(
                    ReadFile(Runfile("docs/proxies/" + file)),
                    {{"0.0.0.0:8443", addr_},
                     {"192.0.2.21:8443", edge_->addr()},
                     {"192.0.2.22:8443", edge_->addr()},
                     {"/etc/wxident-proxy", folder_.path()},
                     // What Debian's nginx would else keep in root's folders.
                     {"http {\n", "http {\n" + TemporaryPaths()}}));
      proxy_ = std::make_unique<Process>(CommandLine(file, path));
      const absl::Time give_up = absl::Now() + kPatience;
      while (proxy_->running() && absl::Now() < give_up) {
        if (Connect(caller_)->open()) return;
        absl::SleepFor(absl::Milliseconds(10));
      }
    }
    FAIL() << proxy_->log();
  }

  // One process in the foreground, which ends with the test.
  std::vector<std::string> CommandLine(const std::string& file,
                                       const std::string& path) const {
    if (!absl::StartsWith(file, "nginx"))
      return {"/usr/sbin/haproxy", "-f", path};
    return {"/usr/sbin/nginx",
            "-p",
            folder_.path(),
            "-c",
            path,
            "-g",
            absl::StrCat("daemon off; master_process off; pid ",
                         folder_.Path("nginx.pid"), ";")};
  }

  std::string TemporaryPaths() const {
    std::string out;
    for (const char* kind :
         {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
      absl::StrAppend(&out, kind, "_temp_path ", folder_.Path(kind), ";\n");
    return out;
  }

  std::unique_ptr<EdgeClient> Connect(const TestCertificate& shown) const {
    const TlsClientOptions options{.shown = &shown};
    return std::make_unique<EdgeClient>(addr_, &options, servers_ca_.pem);
  }

  std::string Who(EdgeClient& client, const H2Client::Fields& more = {}) {
    const H2Answer answer = client.Call("/a/Who", "", more);
    EXPECT_EQ(answer.status(), 0) << proxy_->log();
    return answer.messages.empty() ? "" : answer.messages[0];
  }

  // Of a proxy that passes on TCP.
  void ExpectConnectionsPassedOn() {
    const auto client = Connect(caller_);
    EXPECT_EQ(Who(*client), "127.0.0.1 by 127.0.0.1; spiffe://corp/a; nobody");
    const auto other = Connect(other_);
    EXPECT_EQ(Who(*other), "127.0.0.1 by 127.0.0.1; spiffe://corp/b; nobody");
    EXPECT_EQ(Connect(stranger_)->Call("/a/Who", "").status(), -1);
    ExpectMany();
  }

  // Of a proxy that ends TLS.
  void ExpectCallersForwarded() {
    const auto client = Connect(caller_);
    const std::string expected =
        "127.0.0.1; spiffe://corp/gateway; spiffe://corp/a a1";
    EXPECT_EQ(Who(*client), expected);
    // What a caller says of itself counts for nothing.
    const std::string lies = "By=x;Hash=y;URI=spiffe://corp/b";
    EXPECT_EQ(Who(*client, {{kField, lies}}), expected);
    EXPECT_EQ(Who(*client, {{kField, lies}, {kField, lies}}), expected);
    const auto other = Connect(other_);
    EXPECT_EQ(Who(*other),
              "127.0.0.1; spiffe://corp/gateway; spiffe://corp/b b2");
    EXPECT_NE(Connect(stranger_)->Call("/a/Who", "").status(), 0);
    ExpectMany();
  }

  void ExpectMany() {
    const auto client = Connect(caller_);
    std::vector<int32_t> ids;
    for (int i = 0; i < 50; ++i)
      ids.push_back(client->h2().Call("/a/Echo", Message(absl::StrCat(i))));
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(client->Until(
          [&] { return client->h2().answer(ids[i]).closed; }, kPatience));
      EXPECT_THAT(client->h2().answer(ids[i]).messages,
                  testing::ElementsAre(absl::StrCat(i)));
    }
  }

  const TestCertificate callers_ca_ = MakeTestCa("callers' CA");
  const TestCertificate gateways_ca_ = MakeTestCa("gateways' CA");
  const TestCertificate servers_ca_ = MakeTestCa("servers' CA");
  const TestCertificate server_ = MakeTestCertificate(
      {.dns = "wxident.example.com", .on_loopback = true}, &servers_ca_);
  const TestCertificate gateway_ =
      MakeTestCertificate({.uris = {"spiffe://corp/gateway"}}, &gateways_ca_);
  const TestCertificate caller_ = MakeTestCertificate(
      {.uris = {"spiffe://corp/a"}, .serial = 0xa1}, &callers_ca_);
  const TestCertificate other_ = MakeTestCertificate(
      {.uris = {"spiffe://corp/b"}, .serial = 0xb2}, &callers_ca_);
  const TestCertificate stranger_ =
      MakeTestCertificate({.uris = {"spiffe://corp/a"}}, &servers_ca_);
  const TempFolder folder_;
  Metrics metrics_;
  EdgeMethods methods_;
  std::unique_ptr<EdgeServer> edge_;
  // Of the proxy.
  std::string addr_;
  std::unique_ptr<Process> proxy_;
};

class PassedOnTest : public ProxiesTest,
                     public testing::WithParamInterface<const char*> {};

TEST_P(PassedOnTest, EachCallerIsItself) {
  EdgeServer::Options options;
  ASSERT_TRUE(options.balancers.Add("127.0.0.1").ok());
  Serve(std::move(options));
  StartProxy(GetParam());
  ExpectConnectionsPassedOn();
  // Its checks are no failures; the stranger was one.
  const std::string failures = absl::StrCat(
      "wxident_handshake_failures_total{addr=\"", edge_->addr(), "\"} 1\n");
  const absl::Time give_up = absl::Now() + kPatience;
  while (!absl::StrContains(metrics_.Text(), failures) && absl::Now() < give_up)
    absl::SleepFor(absl::Milliseconds(1));
  EXPECT_THAT(metrics_.Text(), testing::HasSubstr(failures));
}

INSTANTIATE_TEST_SUITE_P(All, PassedOnTest,
                         testing::Values("haproxy-l4.cfg", "nginx-l4.conf"));

class ForwardedTest : public PassedOnTest {};

TEST_P(ForwardedTest, EachCallerIsTold) {
  Serve({});
  StartProxy(GetParam());
  ExpectCallersForwarded();
}

INSTANTIATE_TEST_SUITE_P(All, ForwardedTest,
                         testing::Values("haproxy-l7.cfg", "nginx-l7.conf"));

}  // namespace
}  // namespace wxident

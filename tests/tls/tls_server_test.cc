#include "server/tls/tls_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "server/tls/certificates.h"
#include "tests/tls/test_ca.h"
#include "tests/tls/tls_client.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

class TlsServerTest : public testing::Test {
 protected:
  void SetUp() override { signal(SIGPIPE, SIG_IGN); }
  void TearDown() override {
    if (fd_ >= 0) close(fd_);
  }

  void Make(const std::string& client_cas) {
    auto made = TlsServer::Create(server_.pem, Secret(server_.key), client_cas);
    ASSERT_TRUE(made.ok()) << made.status();
    tls_ = *std::move(made);
  }

  // A client connects. What the server's handshake comes to.
  absl::Status Connect(const TlsClientOptions& options) {
    if (fd_ >= 0) close(fd_);
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    fd_ = ends[0];
    fcntl(fd_, F_SETFL, O_NONBLOCK);
    stream_ = tls_->Accept(fd_);
    client_ = std::make_unique<TlsClient>(ends[1], ca_.pem, options);
    return ShakeHands(*stream_, fd_, *client_);
  }
  absl::Status Connect(const TestCertificate& shown,
                       const std::string& chain = "") {
    return Connect({.shown = &shown, .chain = chain});
  }

  std::string Read() {
    char buffer[100];
    ssize_t count;
    while ((count = stream_->Read(buffer, sizeof(buffer))) == kStreamWaits) {
      pollfd wait{fd_, POLLIN, 0};
      poll(&wait, 1, 10'000);
    }
    if (count == kStreamEnded) return "(ended)";
    if (count == kStreamBroken) return "(broken)";
    return std::string(buffer, static_cast<size_t>(count));
  }

  const TestCertificate ca_ = MakeTestCa();
  const TestCertificate server_ = MakeTestCertificate({}, &ca_);
  const TestCertificate caller_ =
      MakeTestCertificate({.uris = {"spiffe://corp/a"}}, &ca_);
  std::shared_ptr<const TlsServer> tls_;
  int fd_ = -1;
  std::unique_ptr<TlsStream> stream_;
  std::unique_ptr<TlsClient> client_;
};

TEST_F(TlsServerTest, CarriesBytesBothWays) {
  Make(ca_.pem);
  for (const int version : {12, 13}) {
    ASSERT_TRUE(Connect({.shown = &caller_, .version = version}).ok());
    EXPECT_EQ(client_->server_serial(),
              ParseCertificates(server_.pem)->front().serial);
    EXPECT_TRUE(client_->Write("question"));
    EXPECT_EQ(Read(), "question");
    EXPECT_EQ(stream_->Write("answer", 6), 6);
    EXPECT_EQ(client_->Read(100), "answer");
    stream_->End();
    EXPECT_EQ(client_->Read(100), "");
    client_.reset();
    EXPECT_EQ(Read(), "(ended)");
  }
}

TEST_F(TlsServerTest, TellsTheChainThatItHasVerified) {
  const TestCertificate middle = MakeTestCertificate({.ca = true}, &ca_);
  const TestCertificate under = MakeTestCertificate({}, &middle);
  for (const int version : {12, 13}) {
    const auto shown = [&](const TestCertificate& own, std::string chain) {
      EXPECT_TRUE(
          Connect({.shown = &own, .chain = chain, .version = version}).ok());
      return stream_->PeerCertificates();
    };
    Make(ca_.pem);
    EXPECT_EQ(shown(caller_, ""), caller_.pem + ca_.pem);
    EXPECT_EQ(shown(under, middle.pem), under.pem + middle.pem + ca_.pem);
    // What it has sent and is not needed is nothing of it.
    EXPECT_EQ(shown(caller_, middle.pem), caller_.pem + ca_.pem);
    // One that needs not be sent is in it all the same.
    Make(ca_.pem + middle.pem);
    EXPECT_EQ(shown(under, ""), under.pem + middle.pem);
  }
}

TEST_F(TlsServerTest, EachOfTheCasVouches) {
  const TestCertificate other = MakeTestCa("other");
  const TestCertificate middle = MakeTestCertificate({.ca = true}, &other);
  Make(ca_.pem + middle.pem);
  EXPECT_TRUE(Connect(caller_).ok());
  EXPECT_TRUE(Connect(MakeTestCertificate({}, &middle)).ok());
  EXPECT_FALSE(Connect(MakeTestCertificate({}, &other)).ok());
}

TEST_F(TlsServerTest, RefusesBadCertificates) {
  Make(ca_.pem);
  EXPECT_THAT(Connect(TlsClientOptions{}).message(),
              HasSubstr("did not return a certificate"));
  const TestCertificate stranger = MakeTestCa("stranger");
  EXPECT_THAT(Connect(MakeTestCertificate({}, &stranger)).message(),
              HasSubstr("unable to get local issuer certificate"));
  EXPECT_THAT(Connect(stranger).message(), HasSubstr("self-signed"));
  EXPECT_THAT(
      Connect(MakeTestCertificate({.ends = -absl::Seconds(1)}, &ca_)).message(),
      HasSubstr("expired"));
  EXPECT_THAT(
      Connect(MakeTestCertificate({.begins = absl::Hours(1)}, &ca_)).message(),
      HasSubstr("not yet valid"));
  EXPECT_FALSE(
      Connect(MakeTestCertificate({.usage = "serverAuth"}, &ca_)).ok());
  // Signed by one that is no CA.
  EXPECT_FALSE(Connect(MakeTestCertificate({}, &caller_), caller_.pem).ok());
}

TEST_F(TlsServerTest, RefusesWhatIsNotModernTlsWithHttp2) {
  Make(ca_.pem);
  EXPECT_FALSE(Connect({.shown = &caller_, .version = 11}).ok());
  EXPECT_THAT(Connect({.shown = &caller_, .alpn = ""}).message(),
              HasSubstr("no ALPN"));
  EXPECT_FALSE(Connect({.shown = &caller_, .alpn = "http/1.1"}).ok());
}

TEST_F(TlsServerTest, GivesNothingToResume) {
  Make(ca_.pem);
  for (const int version : {12, 13}) {
    ASSERT_TRUE(Connect({.shown = &caller_, .version = version}).ok());
    // By the first bytes, a ticket of TLS 1.3 would have come along.
    EXPECT_EQ(stream_->Write("x", 1), 1);
    EXPECT_EQ(client_->Read(1), "x");
    EXPECT_FALSE(client_->resumed());
  }
}

TEST_F(TlsServerTest, RefusesFilesThatCannotServe) {
  const TestCertificate other = MakeTestCertificate({}, &ca_);
  EXPECT_FALSE(TlsServer::Create("", Secret(server_.key), ca_.pem).ok());
  EXPECT_FALSE(TlsServer::Create(server_.pem, Secret(other.key), ca_.pem).ok());
  EXPECT_FALSE(TlsServer::Create(server_.pem, Secret(""), ca_.pem).ok());
}

TEST_F(TlsServerTest, StreamsOutliveIt) {
  Make(ca_.pem);
  ASSERT_TRUE(Connect(caller_).ok());
  tls_.reset();
  EXPECT_TRUE(client_->Write("still"));
  EXPECT_EQ(Read(), "still");
}

}  // namespace
}  // namespace wxident

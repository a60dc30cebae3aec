// What TLS clients do to cost more than they should; honest ones are served
// meanwhile.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/tls/certificates.h"
#include "server/tls/tls_guard.h"
#include "tests/edge/server_fixture.h"
#include "tests/hostile/http2_frames.h"
#include "tests/hostile/raw_peer.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;

class EdgeTlsTest : public ServerFixture {
 protected:
  // The client gets no connection.
  void ExpectRefused(const TestCertificate& shown, const std::string& chain) {
    for (const int version : {12, 13}) {
      const auto client =
          ConnectTls({.shown = &shown, .chain = chain, .version = version});
      EXPECT_EQ(client->Call("/a/Echo", "hello").status(), -1);
    }
    EXPECT_TRUE(
        WaitForMetric(absl::StrCat("wxident_handshake_failures_total{addr=\"",
                                   server_->addr(), "\"} 2\n")));
    ExpectServed();
  }
  void ExpectServed() {
    const auto client = ConnectTls();
    EXPECT_THAT(client->Call("/a/Echo", "hello").messages,
                ElementsAre("hello"));
  }
};

// To decode such a key may take OpenSSL a second, before it is verified.
TEST_F(EdgeTlsTest, AKeyOnACurveWithoutAName) {
  StartTls();
  ExpectRefused(MakeTestCertificate({.unnamed_curve = true}, &ca_), "");
}

TEST_F(EdgeTlsTest, AKeyOnACurveWithoutANameInItsChain) {
  StartTls();
  ExpectRefused(
      caller_,
      MakeTestCertificate({.ca = true, .unnamed_curve = true}, &ca_).pem);
}

TEST_F(EdgeTlsTest, ManyCertificates) {
  StartTls();
  std::string chain;
  for (int i = 0; i < 157; ++i) chain += ca_.pem;
  ExpectRefused(caller_, chain);
}

TEST_F(EdgeTlsTest, MoreCertificatesThanAChainHas) {
  StartTls();
  std::string chain;
  for (int i = 0; i < TlsGuard::kMaxCertificates; ++i) chain += ca_.pem;
  ExpectRefused(caller_, chain);
}

TEST_F(EdgeTlsTest, AChainIsServed) {
  StartTls();
  const TestCertificate middle = MakeTestCertificate({.ca = true}, &ca_);
  const TestCertificate under =
      MakeTestCertificate({.uris = {"spiffe://corp/b"}}, &middle);
  const auto client = ConnectTls({.shown = &under, .chain = middle.pem});
  EXPECT_THAT(client->Call("/a/Who", "").messages,
              ElementsAre("spiffe://corp/b"));
}

// One who could take back the middle must see it, whoever sent it.
TEST_F(EdgeTlsTest, TheVerifiedChainIsKnownIfTheLeafComesAlone) {
  const TestCertificate middle = MakeTestCertificate({.ca = true}, &ca_);
  const TestCertificate under =
      MakeTestCertificate({.uris = {"spiffe://corp/b"}}, &middle);
  methods_["/a/Chain"] =
      TestMethod({.message = [](Call& call, absl::string_view) {
        std::string serials;
        for (const Certificate& each : call.peer().certificates)
          absl::StrAppend(&serials, each.serial, " ");
        call.Reply(serials);
      }});
  StartTls({}, ca_.pem + middle.pem);
  const auto client = ConnectTls({.shown = &under});
  EXPECT_THAT(client->Call("/a/Chain", "").messages,
              ElementsAre(absl::StrCat(
                  ParseCertificates(under.pem)->front().serial, " ",
                  ParseCertificates(middle.pem)->front().serial, " ")));
}

TEST_F(EdgeTlsTest, KeyUpdatesWithoutData) {
  StartTls();
  const auto client = ConnectTls();
  EXPECT_EQ(client->Call("/a/Echo", "hello").status(), 0);
  for (int i = 0; i < 100'000 && client->tls()->UpdateKey(); ++i) {
  }
  EXPECT_TRUE(WaitForCut("tls"));
  EXPECT_TRUE(WaitForConnections(0));
}

TEST_F(EdgeTlsTest, KeyUpdatesOfABusyClient) {
  StartTls();
  const auto client = ConnectTls();
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(client->tls()->UpdateKey());
    ASSERT_EQ(client->Call("/a/Echo", "hello").status(), 0);
  }
}

TEST_F(EdgeTlsTest, SlowHandshakes) {
  StartTls();
  std::vector<std::unique_ptr<RawPeer>> slow;
  for (int i = 0; i < 60; ++i) {
    slow.push_back(std::make_unique<RawPeer>(
        server_->addr(), absl::Now() + kPatience, "127.0.0.9"));
    // The begin of a handshake's first record.
    ASSERT_TRUE(slow.back()->Send(std::string("\x16\x03\x01\x02\x00\x01", 6)));
  }
  ExpectServed();
  for (const auto& peer : slow) EXPECT_TRUE(peer->Listen(kPatience));
  EXPECT_TRUE(WaitForConnections(0));
}

TEST_F(EdgeTlsTest, WhatIsNotTls) {
  StartTls();
  RawPeer plain(server_->addr(), absl::Now() + kPatience, "127.0.0.9");
  ASSERT_TRUE(plain.Hello());
  EXPECT_TRUE(plain.Listen(kPatience));
  ExpectServed();
}

// Many small answers that a client asks for and never takes.
TEST_F(EdgeTlsTest, AnswersThatNobodyTakes) {
  StartTls();
  std::vector<std::unique_ptr<EdgeClient>> takers_of_nothing;
  // Few enough for all of their calls to be taken.
  for (int i = 0; i < 6; ++i) {
    const TlsClientOptions options{.shown = &caller_};
    takers_of_nothing.push_back(std::make_unique<EdgeClient>(
        server_->addr(), &options, ca_.pem, /*window=*/0));
    EdgeClient& client = *takers_of_nothing.back();
    const int32_t first = client.h2().Call("/a/None", Message("x"));
    ASSERT_TRUE(client.Until([&] { return client.h2().answer(first).closed; }));
    for (int j = 0; j < 250; ++j) client.h2().Call("/a/Echo", Message("x"));
    ASSERT_TRUE(client.Send());
  }
  ExpectServed();
  EXPECT_TRUE(WaitForCut("unread"));
  for (const auto& client : takers_of_nothing)
    EXPECT_TRUE(client->Until([&] { return !client->open(); }, kPatience));
  EXPECT_TRUE(WaitForConnections(0));
}

}  // namespace
}  // namespace wxident

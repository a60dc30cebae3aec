#include "server/callers/tls_callers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "server/tls/certificates.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temp_folder.h"
#include "tests/tls/test_ca.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

constexpr char kOrders[] = "spiffe://corp/orders";

class TlsCallersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const TestCertificate server = MakeTestCertificate({}, &ca_, clock_.Now());
    paths_.cert_file = folder_.Write("server.pem", server.pem);
    paths_.key_file = folder_.Write("server.key", server.key);
    paths_.client_ca_file = folder_.Write("callers.pem", ca_.pem);
    paths_.revocation_file =
        folder_.Write("callers.crl", MakeTestCrl(ca_, {}, {}, clock_.Now()));
    files_ = TlsFiles::Open(paths_, clock_).value();
    callers_ = std::make_unique<TlsCallers>(*files_, clock_);
  }

  void Revoke(const std::vector<TestCertificate>& certificates) {
    folder_.Write("callers.crl",
                  MakeTestCrl(ca_, certificates, {}, clock_.Now()));
    ASSERT_TRUE(files_->Reload().value());
  }

  TestCertificate Certificate(const std::vector<std::string>& uris) {
    return MakeTestCertificate({.name = kOrders, .uris = uris}, &ca_,
                               clock_.Now());
  }

  // A connection whose client has shown these.
  static EdgePeer Connect(const std::string& certificates) {
    return {.ip = "127.0.0.1",
            .port = 4711,
            .certificates = ParseCertificates(certificates).value()};
  }

  // The caller, or what the refusal says: of a connection that is there, or of
  // a new one.
  std::string IdentifiedPeer(const EdgePeer& peer) {
    const absl::StatusOr<std::string> caller = callers_->IdentifyPeer(peer);
    if (caller.ok()) return *caller;
    EXPECT_TRUE(HasReason(caller.status(), Reason::kCallerUnauthenticated));
    return absl::StrCat("refused: ", caller.status().message());
  }
  std::string Identified(const std::string& certificates) {
    return IdentifiedPeer(Connect(certificates));
  }

  FakeClock clock_;
  const TestCertificate ca_ = MakeTestCertificate(
      {.name = "CA", .ca = true, .ends = absl::Hours(24 * 365)}, nullptr,
      clock_.Now());
  const TempFolder folder_;
  TlsPaths paths_;
  std::unique_ptr<TlsFiles> files_;
  std::unique_ptr<TlsCallers> callers_;
};

TEST_F(TlsCallersTest, ACallerIsItsOneUri) {
  const TestCertificate certificate = Certificate({kOrders});
  EXPECT_EQ(Identified(certificate.pem), kOrders);
  EXPECT_EQ(Identified(certificate.pem), kOrders);
  EXPECT_EQ(Identified(Certificate({"urn:uuid:1"}).pem), "urn:uuid:1");
}

TEST_F(TlsCallersTest, NothingElseIsACaller) {
  const std::vector<std::vector<std::string>> bad = {
      // Its CN is a caller's id.
      {},
      {kOrders, "spiffe://corp/billing"},
      // Twice the same is not one.
      {kOrders, kOrders},
      {""},
      // What plain text on loopback is called.
      {"loopback"},
      {":orders"},
      {"1spiffe://corp/orders"},
      {std::string("spiffe://corp/orders\0.example", 29)},
      {"spiffe://corp/orders\n"},
      {"spiffe://corp/a b"},
      {"spiffe://corp/\xc3\xa4"},
      {absl::StrCat("spiffe://corp/", std::string(2048, 'a'))},
  };
  for (const auto& uris : bad)
    EXPECT_THAT(Identified(Certificate(uris).pem),
                HasSubstr("refused: the client certificate must hold exactly"))
        << ::testing::PrintToString(uris);
  EXPECT_THAT(IdentifiedPeer({}), HasSubstr("has no client certificate"));
}

TEST_F(TlsCallersTest, TheNewestListDecidesAtEachCall) {
  const TestCertificate certificate = Certificate({kOrders});
  const EdgePeer peer = Connect(certificate.pem);
  const EdgePeer other = Connect(Certificate({kOrders}).pem);
  EXPECT_EQ(IdentifiedPeer(peer), kOrders);
  Revoke({certificate});
  EXPECT_THAT(IdentifiedPeer(peer), HasSubstr("is revoked"));
  EXPECT_EQ(IdentifiedPeer(other), kOrders);
  // Held back, not for good.
  Revoke({});
  EXPECT_EQ(IdentifiedPeer(peer), kOrders);
}

TEST_F(TlsCallersTest, ACaThatWasRevokedVouchesForNobody) {
  const TestCertificate middle =
      MakeTestCertificate({.name = "middle", .ca = true}, &ca_, clock_.Now());
  const TestCertificate certificate =
      MakeTestCertificate({.uris = {kOrders}}, &middle, clock_.Now());
  const EdgePeer peer = Connect(certificate.pem + middle.pem);
  EXPECT_EQ(IdentifiedPeer(peer), kOrders);
  Revoke({middle});
  EXPECT_THAT(IdentifiedPeer(peer), HasSubstr("is revoked"));
}

TEST_F(TlsCallersTest, AConnectionOutlivesItsCertificateByItsOwnLifeAtMost) {
  const TestCertificate certificate = MakeTestCertificate(
      {.uris = {kOrders}, .ends = absl::Minutes(1)}, &ca_, clock_.Now());
  const EdgePeer peer = Connect(certificate.pem);
  clock_.Advance(absl::Minutes(1) + TlsCallers::kOverlap);
  EXPECT_EQ(IdentifiedPeer(peer), kOrders);
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(IdentifiedPeer(peer), HasSubstr("has ended"));
}

TEST_F(TlsCallersTest, ServesManyThreadsWhileListsChange) {
  const TestCertificate good = Certificate({kOrders});
  const TestCertificate bad = Certificate({kOrders});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      const EdgePeer peer = Connect(good.pem);
      for (int call = 0; call < 500; ++call)
        EXPECT_EQ(IdentifiedPeer(peer), kOrders);
    });
  for (int i = 0; i < 20; ++i) Revoke({i % 2 == 0 ? bad : Certificate({})});
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace wxident

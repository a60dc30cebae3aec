#include "server/callers/forwarded_callers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/base/temp_folder.h"
#include "tests/edge/fake_call.h"
#include "tests/tls/test_ca.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

constexpr char kField[] = "x-forwarded-client-cert";
constexpr char kOrders[] = "spiffe://corp/orders";
constexpr char kGateway[] = "spiffe://corp/gateway";

class ForwardedCallersTest : public testing::Test {
 protected:
  void SetUp() override {
    const TestCertificate server = MakeTestCertificate({}, &ca_, clock_.Now());
    paths_.cert_file = folder_.Write("server.pem", server.pem);
    paths_.key_file = folder_.Write("server.key", server.key);
    paths_.client_ca_file = folder_.Write("callers.pem", ca_.pem);
    paths_.revocation_file =
        folder_.Write("callers.crl", MakeTestCrl(ca_, {}, {}, clock_.Now()));
    files_ = TlsFiles::Open(paths_, clock_).value();
    tls_ = std::make_unique<TlsCallers>(*files_, clock_);
    callers_ = std::make_unique<ForwardedCallers>(
        *tls_, std::vector<std::string>{kGateway, "spiffe://corp/inner"});
  }

  void Revoke(const TestCertificate& certificate) {
    folder_.Write("callers.crl",
                  MakeTestCrl(ca_, {certificate}, {}, clock_.Now()));
    ASSERT_TRUE(files_->Reload().value());
  }

  TestCertificate Of(const std::string& uri, absl::Duration ends) {
    return MakeTestCertificate({.uris = {uri}, .ends = ends}, &ca_,
                               clock_.Now());
  }

  // The caller, or what the refusal says.
  std::string Identified(const TestCertificate& shown,
                         const std::string& forwarded) {
    FakeCall call;
    call.peer_.certificates = ParseCertificates(shown.pem).value();
    if (!forwarded.empty()) call.metadata_ = {{kField, forwarded}};
    const absl::StatusOr<std::string> caller = callers_->Identify(call);
    if (caller.ok()) return *caller;
    EXPECT_TRUE(HasReason(caller.status(), Reason::kCallerUnauthenticated));
    return absl::StrCat("refused: ", caller.status().message());
  }

  // As nginx and HAProxy forward it.
  static std::string Cert(const TestCertificate& certificate) {
    std::string out = "Cert=\"";
    for (const char c : certificate.pem)
      absl::StrAppend(&out, absl::ascii_isalnum(c)
                                ? std::string(1, c)
                                : absl::StrFormat("%%%02X", c & 0xff));
    return out + "\"";
  }

  FakeClock clock_;
  const TestCertificate ca_ = MakeTestCertificate(
      {.name = "CA", .ca = true, .ends = absl::Hours(24 * 365)}, nullptr,
      clock_.Now());
  const TestCertificate gateway_ = Of(kGateway, absl::Hours(24 * 300));
  const TestCertificate orders_ = Of(kOrders, absl::Minutes(5));
  const TempFolder folder_;
  TlsPaths paths_;
  std::unique_ptr<TlsFiles> files_;
  std::unique_ptr<TlsCallers> tls_;
  std::unique_ptr<ForwardedCallers> callers_;
};

TEST_F(ForwardedCallersTest, AProxysCallsAreItsClients) {
  EXPECT_EQ(Identified(gateway_, "By=x;URI=spiffe://corp/orders"), kOrders);
  EXPECT_EQ(Identified(gateway_, Cert(orders_)), kOrders);
  EXPECT_EQ(Identified(gateway_, "URI=spiffe://corp/a,URI=spiffe://corp/b"),
            "spiffe://corp/b");
}

TEST_F(ForwardedCallersTest, FromAnybodyElseItCountsForNothing) {
  for (const char* forwarded :
       {"", "URI=spiffe://corp/billing", "URI=spiffe://corp/gateway", "\""})
    EXPECT_EQ(Identified(orders_, forwarded), kOrders);
  const TestCertificate nobody = MakeTestCertificate({}, &ca_, clock_.Now());
  EXPECT_THAT(Identified(nobody, "URI=spiffe://corp/orders"),
              HasSubstr("must hold exactly one URI"));
}

TEST_F(ForwardedCallersTest, AProxyIsNobodyByItself) {
  EXPECT_THAT(Identified(gateway_, ""), HasSubstr("has not said whose it is"));
  for (const char* proxy : {"URI=spiffe://corp/gateway",
                            "URI=spiffe://corp/a,URI=spiffe://corp/inner"})
    EXPECT_THAT(Identified(gateway_, proxy),
                HasSubstr("one proxy for another"));
  EXPECT_THAT(Identified(gateway_, Cert(gateway_)),
              HasSubstr("one proxy for another"));
}

TEST_F(ForwardedCallersTest, WhatIsForwardedMustNameOneCaller) {
  for (const char* bad :
       {"By=x", "URI=", "URI=loopback", "URI=spiffe://corp/a;URI=spiffe://b",
        "URI=spiffe://corp/a b", "URI=spiffe://corp/*\x7f"})
    EXPECT_THAT(Identified(gateway_, bad),
                HasSubstr("must hold exactly one URI"))
        << bad;
  EXPECT_THAT(Identified(gateway_, "spiffe://corp/orders"),
              HasSubstr("cannot be read"));
}

TEST_F(ForwardedCallersTest, AForwardedCertificateIsJudgedAsOneThatWasShown) {
  Revoke(orders_);
  EXPECT_THAT(Identified(gateway_, Cert(orders_)), HasSubstr("is revoked"));
  // The proxy's to know.
  EXPECT_EQ(Identified(gateway_, "URI=spiffe://corp/orders"), kOrders);
  const TestCertificate other = Of(kOrders, absl::Minutes(5));
  EXPECT_EQ(Identified(gateway_, Cert(other)), kOrders);
  clock_.Advance(absl::Minutes(6) + TlsCallers::kOverlap);
  EXPECT_THAT(Identified(gateway_, Cert(other)), HasSubstr("has ended"));
  Revoke(gateway_);
  EXPECT_THAT(Identified(gateway_, "URI=spiffe://corp/orders"),
              HasSubstr("is revoked"));
}

}  // namespace
}  // namespace wxident

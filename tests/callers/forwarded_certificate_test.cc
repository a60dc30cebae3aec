#include "server/callers/forwarded_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "server/identity/error.h"
#include "tests/tls/test_ca.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kField[] = "x-forwarded-client-cert";

// The URIs of what is read, or "refused: " and why.
std::string Read(const MetadataFields& metadata) {
  const absl::StatusOr<Certificate> read = ReadForwardedCertificate(metadata);
  if (read.ok()) return absl::StrJoin(read->uris, " ");
  EXPECT_TRUE(HasReason(read.status(), Reason::kCallerUnauthenticated));
  EXPECT_THAT(std::string(read.status().message()), Not(HasSubstr("spiffe:")));
  return absl::StrCat("refused: ", read.status().message());
}
std::string Read(const std::string& value) {
  return Read(MetadataFields{{kField, value}});
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text)
    absl::StrAppend(&out, absl::ascii_isalnum(c)
                              ? std::string(1, c)
                              : absl::StrFormat("%%%02X", c & 0xff));
  return out;
}

TEST(ForwardedCertificateTest, IsTheLastElements) {
  // As Envoy writes it.
  EXPECT_EQ(Read("By=spiffe://corp/gateway;Hash=468ed33be74eee6556d90c0149c1309"
                 "e9ba61d6425303443c0748a02dd8de688;"
                 "Subject=\"/C=US/O=Corp\";URI=spiffe://corp/a;DNS=a.corp"),
            "spiffe://corp/a");
  EXPECT_EQ(Read("URI=spiffe://corp/a,URI=spiffe://corp/b"), "spiffe://corp/b");
  EXPECT_EQ(Read("By=x;URI=spiffe://corp/a, By=y;URI=spiffe://corp/b"),
            "spiffe://corp/b");
  EXPECT_EQ(Read("URI=spiffe://corp/a,By=x;Hash=y"), "");
  EXPECT_EQ(Read("URI="), "");
  EXPECT_EQ(Read("URI=spiffe://corp/a;URI=spiffe://corp/b"),
            "spiffe://corp/a spiffe://corp/b");
  EXPECT_EQ(Read("URI=\"spiffe://corp/a,b;c=d\""), "spiffe://corp/a,b;c=d");
  EXPECT_EQ(Read("Subject=\"CN=\\\"x\\\",O=a\\b\";URI=spiffe://corp/a=1"),
            "spiffe://corp/a=1");
}

TEST(ForwardedCertificateTest, NamesAreNotWhatTheyResemble) {
  EXPECT_EQ(Read("By=spiffe://corp/a;uri=spiffe://corp/b;"
                 "Subject=\";URI=spiffe://corp/c\";DNS=x"),
            "");
}

// A client that sends the begin of a field to a proxy that appends to it.
TEST(ForwardedCertificateTest, ABeginOfTheClientsOwnIsNoWayToAnotherName) {
  const std::string appended =
      ",By=spiffe://corp/gateway;Hash=1;Subject=\"CN=b\";URI=spiffe://corp/b";
  for (const std::string begin :
       {"URI=spiffe://corp/a", "URI=spiffe://corp/a;By=x",
        "URI=\"spiffe://corp/a\""})
    EXPECT_EQ(Read(begin + appended), "spiffe://corp/b");
  for (const std::string begin :
       {"URI=spiffe://corp/a;Subject=\"", "URI=spiffe://corp/a;Subject=\"\\",
        "\"", "", ",", ";", "URI", "URI=spiffe://corp/a;", "=",
        "URI=spiffe://corp/a;Subject=\"\"x", "URI=spiffe://corp/a;Subject=x\"",
        "a b=c", "URI=spiffe://corp/a,"})
    EXPECT_THAT(Read(begin + appended), HasSubstr("cannot be read")) << begin;
  // With a name that was chosen for it: still no other URI is the last one.
  EXPECT_EQ(Read("URI=spiffe://corp/a;Subject=\""
                 ",By=g;Subject=\";URI=spiffe://corp/a,X=\";URI=spiffe://b/b"),
            "refused: the proxy that this call came by has sent one that "
            "cannot be read; it must set x-forwarded-client-cert, see "
            "docs/proxies.md");
}

TEST(ForwardedCertificateTest, NoneOrSeveralAreRefused) {
  EXPECT_THAT(Read(MetadataFields{}), HasSubstr("has not said whose it is"));
  EXPECT_THAT(Read(MetadataFields{{"x-forwarded-for", "URI=a:b"}}),
              HasSubstr("has not said whose it is"));
  EXPECT_THAT(Read(MetadataFields{{kField, "URI=spiffe://corp/a"},
                                  {"other", "x"},
                                  {kField, "URI=spiffe://corp/a"}}),
              HasSubstr("has sent several of them"));
  EXPECT_THAT(Read(""), HasSubstr("cannot be read"));
}

TEST(ForwardedCertificateTest, AWholeCertificateIsRead) {
  const TestCertificate ca = MakeTestCa();
  const TestCertificate caller =
      MakeTestCertificate({.uris = {"spiffe://corp/a"}, .serial = 0xbeef}, &ca);
  const absl::StatusOr<Certificate> read = ReadForwardedCertificate(
      {{kField, absl::StrCat("By=x;Cert=\"", Escaped(caller.pem),
                             "\";URI=spiffe://corp/other")}});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->uris, ::testing::ElementsAre("spiffe://corp/a"));
  EXPECT_EQ(read->serial, "beef");
  EXPECT_EQ(read->not_after, ParseCertificates(caller.pem)->front().not_after);
  // With its base64 in one line, as proxies make it of DER.
  const std::string begin = "-----BEGIN CERTIFICATE-----\n";
  const std::string end = "-----END CERTIFICATE-----\n";
  std::string base64 = caller.pem.substr(
      begin.size(), caller.pem.size() - begin.size() - end.size());
  base64.erase(std::remove(base64.begin(), base64.end(), '\n'), base64.end());
  EXPECT_EQ(
      Read(absl::StrCat("Cert=\"",
                        Escaped(absl::StrCat(begin, base64, "\n", end)), "\"")),
      "spiffe://corp/a");
  for (const std::string& bad :
       {std::string(), std::string("%"), std::string("%2"), std::string("%zz"),
        Escaped(caller.pem).substr(0, 200), Escaped(caller.pem + caller.pem),
        Escaped(ca.key)})
    EXPECT_THAT(Read(absl::StrCat("Cert=\"", bad, "\";URI=spiffe://corp/a")),
                HasSubstr("has sent a Cert that"));
  EXPECT_THAT(Read("Cert=a;Cert=b"), HasSubstr("two in one element"));
}

}  // namespace
}  // namespace wxident

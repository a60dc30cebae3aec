#include "server/tls/certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/tls/test_ca.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Certificate Parsed(const TestCertificate& certificate) {
  return ParseCertificates(certificate.pem).value().at(0);
}

TEST(ParseCertificatesTest, TellsWhatTheyHold) {
  const TestCertificate ca = MakeTestCa();
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const TestCertificate leaf = MakeTestCertificate(
      {.uris = {"spiffe://corp/orders"}, .on_loopback = true, .serial = 0xab12},
      &ca, now);
  const auto all = ParseCertificates(absl::StrCat(leaf.pem, "text\n", ca.pem));
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 2);
  const Certificate& first = all->front();
  EXPECT_THAT(first.uris, ElementsAre("spiffe://corp/orders"));
  EXPECT_EQ(first.serial, "ab12");
  EXPECT_EQ(first.not_before, now - absl::Hours(1));
  EXPECT_EQ(first.not_after, now + absl::Hours(24));
  EXPECT_FALSE(first.is_ca);
  EXPECT_TRUE(all->back().is_ca);
  EXPECT_THAT(all->back().uris, IsEmpty());
  EXPECT_NE(first.issuer_key, "");
  EXPECT_EQ(first.issuer_key, Parsed(MakeTestCertificate({}, &ca)).issuer_key);
  EXPECT_NE(first.id, all->back().id);
}

TEST(ParseCertificatesTest, GivesUrisByteForByte) {
  const std::string with_nul("spiffe://corp/a\0b", 17);
  EXPECT_THAT(Parsed(MakeTestCertificate({.uris = {with_nul, "", "b c"}})).uris,
              ElementsAre(with_nul, "", "b c"));
}

TEST(ParseCertificatesTest, TakesNoTornText) {
  const TestCertificate ca = MakeTestCa();
  const std::string text = ca.pem + ca.pem;
  // A file that is being written ends anywhere. The last line break may be
  // missing, and what comes after a certificate counts from its first line on.
  const size_t one = ca.pem.size();
  const size_t next = one + sizeof("-----BEGIN CERTIFICATE-----") - 1;
  for (size_t size = 0; size < text.size(); ++size) {
    const bool whole = (size >= one - 1 && size < next) || size == 2 * one - 1;
    EXPECT_EQ(ParseCertificates(text.substr(0, size)).ok(), whole) << size;
  }
  EXPECT_THAT(ParseCertificates("").status().message(),
              HasSubstr("holds no certificate"));
  EXPECT_THAT(ParseCertificates(ca.key).status().message(),
              HasSubstr("holds no certificate"));
}

TEST(ParseCertificatesTest, TakesNoChangedText) {
  std::string text = MakeTestCa().pem;
  text[text.find('\n') + 1] = '!';
  EXPECT_FALSE(ParseCertificates(text).ok());
}

TEST(CheckKeyPairTest, TheKeyMustBeTheFirstCertificates) {
  const TestCertificate ca = MakeTestCa();
  const TestCertificate leaf = MakeTestCertificate({}, &ca);
  EXPECT_TRUE(CheckKeyPair(leaf.pem + ca.pem, Secret(leaf.key)).ok());
  EXPECT_THAT(CheckKeyPair(ca.pem + leaf.pem, Secret(leaf.key)).message(),
              HasSubstr("another key"));
  const TestCertificate rsa = MakeTestCertificate({.rsa_bits = 2048}, &ca);
  EXPECT_TRUE(CheckKeyPair(rsa.pem, Secret(rsa.key)).ok());
  EXPECT_THAT(CheckKeyPair(rsa.pem, Secret(leaf.key)).message(),
              HasSubstr("another key"));
}

TEST(CheckKeyPairTest, RefusesWhatNoServerCanUse) {
  const TestCertificate good = MakeTestCertificate({});
  EXPECT_THAT(CheckKeyPair(good.pem, Secret("text")).message(),
              HasSubstr("no private key"));
  EXPECT_THAT(CheckKeyPair(good.pem, Secret(LockTestKey(good.key))).message(),
              HasSubstr("without a passphrase"));
  const TestCertificate weak = MakeTestCertificate({.rsa_bits = 1024});
  EXPECT_THAT(CheckKeyPair(weak.pem, Secret(weak.key)).message(),
              HasSubstr("too weak"));
  EXPECT_FALSE(CheckKeyPair("", Secret(good.key)).ok());
}

TEST(RevokedCertificatesTest, AreThoseThatACrlNames) {
  const TestCertificate ca = MakeTestCa("one");
  const TestCertificate other_ca = MakeTestCa("other");
  const TestCertificate good = MakeTestCertificate({}, &ca);
  const TestCertificate bad = MakeTestCertificate({}, &ca);
  const TestCertificate other_bad = MakeTestCertificate({}, &other_ca);
  const auto revoked = RevokedCertificates::Parse(
      MakeTestCrl(ca, {bad}) + MakeTestCrl(other_ca, {other_bad}),
      ca.pem + other_ca.pem);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_TRUE(revoked->Has(Parsed(bad)));
  EXPECT_TRUE(revoked->Has(Parsed(other_bad)));
  EXPECT_FALSE(revoked->Has(Parsed(good)));
  EXPECT_FALSE(RevokedCertificates().Has(Parsed(bad)));
}

TEST(RevokedCertificatesTest, AreReadFromDerToo) {
  const TestCertificate ca = MakeTestCa("one");
  const TestCertificate other_ca = MakeTestCa("other");
  const TestCertificate good = MakeTestCertificate({}, &ca);
  const TestCertificate bad = MakeTestCertificate({}, &ca);
  const TestCertificate other_bad = MakeTestCertificate({}, &other_ca);
  const std::string one = MakeTestCrl(ca, {bad}, {.der = true});
  const std::string two = MakeTestCrl(other_ca, {other_bad}, {.der = true});
  const std::string cas = ca.pem + other_ca.pem;
  const auto revoked = RevokedCertificates::Parse(one + two, cas);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(revoked->size(), 2);
  EXPECT_TRUE(revoked->Has(Parsed(bad)));
  EXPECT_TRUE(revoked->Has(Parsed(other_bad)));
  EXPECT_FALSE(revoked->Has(Parsed(good)));
  for (size_t size = 1; size < one.size(); ++size)
    EXPECT_FALSE(RevokedCertificates::Parse(one.substr(0, size), cas).ok());
  EXPECT_THAT(RevokedCertificates::Parse(one + "\n", cas).status().message(),
              HasSubstr("holds something broken after 1 CRL, DER"));
}

TEST(RevokedCertificatesTest, MayBeMany) {
  const TestCertificate ca = MakeTestCa();
  const TestCertificate bad = MakeTestCertificate({}, &ca);
  const auto revoked = RevokedCertificates::Parse(
      MakeTestCrl(ca, {bad}, {.more = 100'000}), ca.pem);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(revoked->size(), 100'001);
  EXPECT_TRUE(revoked->Has(Parsed(bad)));
  EXPECT_FALSE(revoked->Has(Parsed(MakeTestCertificate({}, &ca))));
}

TEST(RevokedCertificatesTest, SerialNumbersOfAnySizeAndSignAreToldApart) {
  const TestCertificate ca = MakeTestCa();
  const TestCertificate one = MakeTestCertificate({.serial = 7}, &ca);
  const TestCertificate minus = MakeTestCertificate({.serial = -7}, &ca);
  const std::string many(40, 'a');
  const TestCertificate large =
      MakeTestCertificate({.large_serial = many}, &ca);
  const TestCertificate larger =
      MakeTestCertificate({.large_serial = many + "b"}, &ca);
  for (const TestCertificate* revoked : {&one, &minus, &large, &larger}) {
    const auto list =
        RevokedCertificates::Parse(MakeTestCrl(ca, {*revoked}), ca.pem);
    ASSERT_TRUE(list.ok()) << list.status();
    for (const TestCertificate* each : {&one, &minus, &large, &larger})
      EXPECT_EQ(list->Has(Parsed(*each)), each == revoked);
  }
}

TEST(RevokedCertificatesTest, OfOneCaAreNotThoseOfAnother) {
  const TestCertificate ca = MakeTestCa("one");
  const TestCertificate other = MakeTestCa("other");
  // As after a CA's key was replaced: the name stays.
  const TestCertificate renewed = MakeTestCa("one");
  const TestCertificate bad = MakeTestCertificate({.serial = 7}, &ca);
  const auto revoked =
      RevokedCertificates::Parse(MakeTestCrl(ca, {bad}), ca.pem + renewed.pem);
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_TRUE(revoked->Has(Parsed(bad)));
  EXPECT_FALSE(
      revoked->Has(Parsed(MakeTestCertificate({.serial = 7}, &other))));
  EXPECT_FALSE(
      revoked->Has(Parsed(MakeTestCertificate({.serial = 7}, &renewed))));
}

TEST(RevokedCertificatesTest, NoneButACaOfOursNamesThem) {
  const TestCertificate ca = MakeTestCa("one");
  const TestCertificate impostor = MakeTestCa("one");
  const TestCertificate leaf = MakeTestCertificate({}, &ca);
  for (const std::string& crl :
       {MakeTestCrl(impostor, {leaf}), MakeTestCrl(MakeTestCa("other"), {})})
    EXPECT_THAT(RevokedCertificates::Parse(crl, ca.pem).status().message(),
                HasSubstr("none of the CAs"));
}

TEST(RevokedCertificatesTest, TakesNoPartForTheWhole) {
  const TestCertificate ca = MakeTestCa();
  const std::string whole = MakeTestCrl(ca, {});
  EXPECT_THAT(
      RevokedCertificates::Parse(MakeTestCrl(ca, {}, {.delta = true}), ca.pem)
          .status()
          .message(),
      HasSubstr("critical extension"));
  EXPECT_THAT(RevokedCertificates::Parse("", ca.pem).status().message(),
              HasSubstr("holds no CRL"));
  EXPECT_FALSE(
      RevokedCertificates::Parse(whole.substr(0, whole.size() / 2), ca.pem)
          .ok());
  EXPECT_TRUE(RevokedCertificates::Parse(whole, ca.pem).ok());
}

TEST(RevokedCertificatesTest, TellWhenTheNextListIsDue) {
  const TestCertificate ca = MakeTestCa();
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const std::string late =
      MakeTestCrl(ca, {}, {.next_update = absl::Hours(9)}, now);
  const std::string soon =
      MakeTestCrl(ca, {}, {.next_update = absl::Hours(2)}, now);
  EXPECT_EQ(RevokedCertificates::Parse(late + soon, ca.pem)->next_update(),
            now + absl::Hours(2));
  EXPECT_EQ(RevokedCertificates().next_update(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace wxident

#include "server/tls/tls_guard.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

std::string BigEndian(size_t number, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i)
    out += static_cast<char>(number >> (8 * i) & 0xff);
  return out;
}

// A Certificate message of `count` certificates that are each `der`.
std::string MessageOf(const std::string& der, int count, bool tls13) {
  std::string list;
  for (int i = 0; i < count; ++i)
    absl::StrAppend(&list, BigEndian(der.size(), 3), der,
                    tls13 ? BigEndian(0, 2) : "");
  const std::string body = absl::StrCat(tls13 ? BigEndian(0, 1) : "",
                                        BigEndian(list.size(), 3), list);
  return absl::StrCat(BigEndian(11, 1), BigEndian(body.size(), 3), body);
}

bool IsFine(const std::string& message, bool tls13) {
  TlsGuard guard;
  const bool fine = guard.OnHandshakeMessage(message, tls13);
  EXPECT_EQ(guard.wrong().empty(), fine);
  return fine;
}

TEST(TlsGuardTest, BoundsCertificates) {
  for (const bool tls13 : {false, true}) {
    const int most = TlsGuard::kMaxCertificates;
    EXPECT_TRUE(IsFine(MessageOf("der", most, tls13), tls13));
    EXPECT_FALSE(IsFine(MessageOf("der", most + 1, tls13), tls13));
    const std::string large(TlsGuard::kMaxCertificateBytes, 'x');
    EXPECT_FALSE(IsFine(MessageOf(large, 1, tls13), tls13));
    EXPECT_TRUE(IsFine(MessageOf(large.substr(100), 1, tls13), tls13));
  }
}

TEST(TlsGuardTest, RefusesCurvesWithoutAName) {
  const std::string key = "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
  const std::string named = key + "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
  for (const bool tls13 : {false, true}) {
    const auto is_fine = [tls13](const std::string& der) {
      return IsFine(MessageOf(absl::StrCat("before", der, "after"), 1, tls13),
                    tls13);
    };
    EXPECT_TRUE(is_fine(named));
    EXPECT_FALSE(is_fine(named + key + "\x30\x81\x99"));
    EXPECT_FALSE(is_fine(key + "\x05"));
    // A length in a form that DER does not allow.
    EXPECT_FALSE(is_fine("\x06\x81\x07\x2a\x86\x48\xce\x3d\x02\x01\x30\x81"));
    // The field of such a curve, whatever stands before it.
    EXPECT_FALSE(is_fine("\x06\x07\x2a\x86\x48\xce\x3d\x01\x01\x02"));
  }
}

TEST(TlsGuardTest, OtherMessagesAndBrokenOnesAreOpenssls) {
  EXPECT_TRUE(IsFine("", false));
  EXPECT_TRUE(IsFine(std::string(1, 11), true));
  EXPECT_TRUE(IsFine(std::string(20'000, '\x01'), true));
  const std::string whole = MessageOf("der", 3, true);
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_TRUE(IsFine(whole.substr(0, size), true));
}

// A handshake record.
std::string RecordOf(const std::string& bytes) {
  return absl::StrCat("\x16\x03\x01", BigEndian(bytes.size(), 2), bytes);
}
// A ClientHello of this size, whose first bytes are there.
std::string HelloOf(size_t size, size_t there) {
  return absl::StrCat("\x01", BigEndian(size, 3), std::string(there, 'h'));
}
bool IsFineAs(const std::string& bytes, size_t piece) {
  TlsGuard guard;
  for (size_t at = 0; at < bytes.size(); at += piece)
    guard.OnBytes(absl::string_view(bytes).substr(at, piece));
  return guard.wrong().empty();
}

TEST(TlsGuardTest, BoundsHellos) {
  const size_t most = TlsGuard::kMaxHelloBytes;
  const std::string hello = RecordOf(HelloOf(300, 300));
  const std::string change =
      absl::StrCat("\x14\x03\x03", BigEndian(1, 2), "\x01");
  std::string pieces;
  for (const char byte : HelloOf(most + 1, 9))
    pieces += RecordOf("") + RecordOf(std::string(1, byte));
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{100'000}}) {
    EXPECT_TRUE(IsFineAs(RecordOf(HelloOf(most, 100)), piece));
    EXPECT_FALSE(IsFineAs(RecordOf(HelloOf(most + 1, 100)), piece));
    EXPECT_FALSE(IsFineAs(RecordOf(HelloOf(0xffffff, 0)), piece));
    EXPECT_FALSE(IsFineAs(pieces, piece));
    // The one that comes after a HelloRetryRequest.
    EXPECT_TRUE(IsFineAs(hello + change + hello, piece));
    EXPECT_FALSE(
        IsFineAs(hello + change + RecordOf(HelloOf(most + 1, 9)), piece));
    // What comes after another message, or is encrypted, is none.
    const std::string certificate = RecordOf(MessageOf("der", 1, false));
    EXPECT_TRUE(IsFineAs(
        hello + certificate + change + RecordOf(HelloOf(most + 1, 9)), piece));
    EXPECT_TRUE(IsFineAs(hello + absl::StrCat("\x17\x03\x03", BigEndian(4, 2),
                                              HelloOf(most + 1, 0)),
                         piece));
  }
}

TEST(TlsGuardTest, BoundsRecordsWithoutData) {
  TlsGuard guard;
  for (int i = 0; i < 10'000; ++i) {
    guard.OnRecord();
    guard.OnRecord();
    guard.OnData();
  }
  for (int i = 0; i < TlsGuard::kMaxSilentRecords; ++i) guard.OnRecord();
  EXPECT_EQ(guard.wrong(), "");
  guard.OnRecord();
  EXPECT_NE(guard.wrong(), "");
}

}  // namespace
}  // namespace wxident

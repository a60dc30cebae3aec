#include "server/crypto/aes_cbc.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

// NIST SP 800-38A, F.2.1.
TEST(AesCbcTest, MatchesNist) {
  const std::string key =
      absl::HexStringToBytes("2b7e151628aed2a6abf7158809cf4f3c");
  const std::string iv =
      absl::HexStringToBytes("000102030405060708090a0b0c0d0e0f");
  const std::string plaintext = absl::HexStringToBytes(
      "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
      "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
  const std::string encrypted = AesCbcEncrypt(key, iv, plaintext);
  // One block of padding follows.
  ASSERT_EQ(encrypted.size(), plaintext.size() + 16);
  EXPECT_EQ(absl::BytesToHexString(encrypted.substr(0, plaintext.size())),
            "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
            "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7");
  EXPECT_EQ(AesCbcDecrypt(key, iv, encrypted), plaintext);
}

TEST(AesCbcTest, ReturnsEverySize) {
  FakeRandom random;
  const std::string key = random.Bytes(16);
  const std::string iv = random.Bytes(16);
  for (size_t size = 0; size < 70; ++size) {
    const std::string text = random.Bytes(size);
    EXPECT_EQ(AesCbcDecrypt(key, iv, AesCbcEncrypt(key, iv, text)), text);
  }
}

TEST(AesCbcTest, ChecksEveryPaddingByte) {
  const std::string key(16, 'k');
  const std::string iv(16, 'v');
  // The block before the last flips, bit by bit, what the last one holds: here
  // 16 bytes of padding.
  const std::string good = AesCbcEncrypt(key, iv, std::string(16, 'x'));
  ASSERT_EQ(good.size(), 32u);
  for (size_t at = 0; at < 16; ++at)
    for (int mask = 1; mask < 256; ++mask) {
      std::string bad = good;
      bad[at] ^= static_cast<char>(mask);
      const bool accepted = AesCbcDecrypt(key, iv, bad).has_value();
      // A last byte of 1 is padding by itself.
      const bool still_good = at == 15 && (16 ^ mask) == 1;
      EXPECT_EQ(accepted, still_good) << at << " " << mask;
    }
}

TEST(AesCbcTest, RefusesSizesThatAreNoBlocks) {
  const std::string key(16, 'k');
  for (size_t size : {0, 1, 15, 17, 31})
    EXPECT_FALSE(AesCbcDecrypt(key, key, std::string(size, 'x')).has_value());
}

}  // namespace
}  // namespace wxident

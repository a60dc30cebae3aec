#ifndef WXIDENT_SERVER_CRYPTO_AES_CBC_H_
#define WXIDENT_SERVER_CRYPTO_AES_CBC_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

// AES-128-CBC with PKCS#7 padding to 16-byte blocks: the cipher of WeChat's
// open data. It authenticates nothing; whoever opens must check what came out.
// `key` and `iv` are 16 bytes each.
std::string AesCbcEncrypt(absl::string_view key, absl::string_view iv,
                          absl::string_view plaintext);

// What came out of the cipher.
struct AesCbcText {
  // Without the padding if that fits, else all of it.
  std::string text;
  bool padding_fits = false;
};
// For those who must do the same work whether the padding fits or not. nullopt
// when the size is zero or not a multiple of 16. Every padding byte is looked
// at, in constant time.
std::optional<AesCbcText> AesCbcOpen(absl::string_view key,
                                     absl::string_view iv,
                                     absl::string_view ciphertext);

// The text alone; nullopt also when any padding byte is wrong.
std::optional<std::string> AesCbcDecrypt(absl::string_view key,
                                         absl::string_view iv,
                                         absl::string_view ciphertext);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_AES_CBC_H_

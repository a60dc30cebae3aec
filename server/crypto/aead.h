#ifndef WXIDENT_SERVER_CRYPTO_AEAD_H_
#define WXIDENT_SERVER_CRYPTO_AEAD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"

namespace wxident {

// What a sealed value is bound to: where it is stored. A value that is moved to
// another table, column or row does not open.
struct AssociatedData {
  absl::string_view table;
  absl::string_view column;
  // The row's primary key, part by part.
  std::vector<absl::string_view> row;
};

// The only version of a sealed value's form.
inline constexpr char kSealedVersion = 1;

// The id of the key that a sealed value names; 0, which no key has, when it is
// too short to name one.
inline uint32_t SealedKeyId(absl::string_view sealed) {
  uint32_t id = 0;
  if (sealed.size() < 5) return id;
  for (char c : sealed.substr(1, 4))
    id = id << 8 | static_cast<unsigned char>(c);
  return id;
}

// What begins a value that is sealed now under this key.
inline std::string SealedPrefix(uint32_t key_id) {
  return {kSealedVersion, static_cast<char>(key_id >> 24),
          static_cast<char>(key_id >> 16), static_cast<char>(key_id >> 8),
          static_cast<char>(key_id)};
}

// Encrypts values at rest. Thread-safe.
class Aead {
 public:
  virtual ~Aead() = default;

  // version (1 byte) | key id (4) | nonce (12) | ciphertext | tag (16).
  virtual std::string Seal(const Secret& plaintext,
                           const AssociatedData& data) = 0;

  // Errors: kNotFound when the key ring lacks the value's key (the message
  // gives its id), kDataLoss when the value was changed, moved or cut.
  virtual absl::StatusOr<Secret> Open(absl::string_view sealed,
                                      const AssociatedData& data) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_AEAD_H_

#ifndef WXIDENT_SERVER_CRYPTO_BLIND_INDEX_H_
#define WXIDENT_SERVER_CRYPTO_BLIND_INDEX_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"

namespace wxident {

// Makes a sealed value findable by equality: a keyed HMAC-SHA-256 of it.
// Without the key even a small set of values, such as all phone numbers, cannot
// be tried out. Each kind of value has an index of its own: see Derive.
// Immutable and thread-safe.
class BlindIndex {
 public:
  // `key` is 32 bytes.
  BlindIndex(uint32_t key_id, Secret key)
      : key_id_(key_id), key_(std::move(key)) {}

  uint32_t key_id() const { return key_id_; }

  // Returns the index for another kind of value, under a key that is derived
  // from this one's and tells nothing about it. The same key for the same
  // `purpose`.
  BlindIndex Derive(absl::string_view purpose) const;

  // 32 raw bytes, the same for the same parts in the same order.
  std::string Mac(const std::vector<absl::string_view>& parts) const;

 private:
  uint32_t key_id_;
  Secret key_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_BLIND_INDEX_H_

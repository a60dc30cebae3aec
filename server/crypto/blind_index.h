#ifndef WXIDENT_SERVER_CRYPTO_BLIND_INDEX_H_
#define WXIDENT_SERVER_CRYPTO_BLIND_INDEX_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/crypto/secret.h"

namespace wxident {

// Makes a sealed value findable by equality: a keyed HMAC-SHA-256 of it, under
// a key used for nothing else. Without the key even a small set of values, such
// as all phone numbers, cannot be tried out. Immutable and thread-safe.
class BlindIndex {
 public:
  // `key` is 32 bytes.
  BlindIndex(uint32_t key_id, Secret key)
      : key_id_(key_id), key_(std::move(key)) {}

  uint32_t key_id() const { return key_id_; }

  // 32 raw bytes, the same for the same parts in the same order.
  std::string Mac(const std::vector<absl::string_view>& parts) const;

 private:
  uint32_t key_id_;
  Secret key_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_BLIND_INDEX_H_

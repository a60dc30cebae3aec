#ifndef WXIDENT_SERVER_CRYPTO_HMAC_KEY_H_
#define WXIDENT_SERVER_CRYPTO_HMAC_KEY_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

// HmacSha256 under one key, for those who use it often: the key is worked in
// once. Immutable and thread-safe.
class HmacKey {
 public:
  explicit HmacKey(absl::string_view key);

  // 32 raw bytes, those of HmacSha256(key, data).
  std::string Mac(absl::string_view data) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_HMAC_KEY_H_

#ifndef WXIDENT_SERVER_CRYPTO_HASH_H_
#define WXIDENT_SERVER_CRYPTO_HASH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

// 32 raw bytes.
std::string Sha256(absl::string_view data);

// 20 raw bytes. Only where WeChat's protocol asks for SHA-1.
std::string Sha1(absl::string_view data);

// 32 raw bytes.
std::string HmacSha256(absl::string_view key, absl::string_view data);

// Takes the same time wherever two texts of one length differ.
bool ConstantTimeEquals(absl::string_view a, absl::string_view b);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_HASH_H_

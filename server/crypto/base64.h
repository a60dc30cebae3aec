#ifndef WXIDENT_SERVER_CRYPTO_BASE64_H_
#define WXIDENT_SERVER_CRYPTO_BASE64_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

// RFC 4648 section 4, strict: the alphabet with '+' and '/', padding present,
// unused bits zero, no white space. nullopt for anything else. Each text thus
// has one form only.
std::optional<std::string> Base64Decode(absl::string_view text);

std::string Base64Encode(absl::string_view data);

// RFC 4648 section 5 (base64url) without padding.
std::string Base64UrlEncode(absl::string_view data);

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_BASE64_H_

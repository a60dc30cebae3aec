#include "server/crypto/base64.h"

#include <string>

#include "absl/strings/escaping.h"

namespace wxident {

std::optional<std::string> Base64Decode(absl::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string data;
  if (!absl::Base64Unescape(text, &data)) return std::nullopt;
  // absl also takes white space and stray bits; only the one form that encodes
  // back to itself is accepted.
  if (Base64Encode(data) != text) return std::nullopt;
  return data;
}

std::string Base64Encode(absl::string_view data) {
  return absl::Base64Escape(data);
}

std::string Base64UrlEncode(absl::string_view data) {
  return absl::WebSafeBase64Escape(data);
}

}  // namespace wxident

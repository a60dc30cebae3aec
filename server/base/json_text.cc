#include "server/base/json_text.h"

#include "absl/strings/str_format.h"

namespace wxident {
namespace {

constexpr size_t kMaxBytes = 256;

}  // namespace

void AppendJsonText(absl::string_view text, std::string& out) {
  out += '"';
  for (unsigned char c : text.substr(0, kMaxBytes)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < 0x20 || c >= 0x7f) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out += static_cast<char>(c);
    }
  }
  if (text.size() > kMaxBytes) out += "...";
  out += '"';
}

}  // namespace wxident

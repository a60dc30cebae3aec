#include "server/audit/json_text.h"

#include "absl/strings/str_format.h"

namespace wxident {
namespace {

constexpr size_t kMaxBytes = 256;

}  // namespace

void AppendJsonText(absl::string_view text, std::string& out) {
  out += '"';
  const absl::string_view kept = text.substr(0, kMaxBytes);
  // What needs no escaping goes over in one piece.
  size_t plain = 0;
  for (size_t i = 0; i < kept.size(); ++i) {
    const auto c = static_cast<unsigned char>(kept[i]);
    if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') continue;
    out.append(kept.data() + plain, i - plain);
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    }
  }
  out.append(kept.data() + plain, kept.size() - plain);
  if (text.size() > kMaxBytes) out += "...";
  out += '"';
}

}  // namespace wxident

#include "server/base/utf8.h"

#include <utf8.h>

namespace wxident {

bool IsUtf8(absl::string_view text) {
  return utf8::is_valid(text.begin(), text.end());
}

std::string WithValidUtf8(absl::string_view text) {
  constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";
  std::string out;
  out.reserve(text.size());
  const char* at = text.begin();
  while (true) {
    const char* bad = utf8::find_invalid(at, text.end());
    out.append(at, bad);
    if (bad == text.end()) return out;
    out.append(kReplacement.data(), kReplacement.size());
    at = bad + 1;
  }
}

}  // namespace wxident

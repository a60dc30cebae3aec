#include "simulator/http.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"

namespace wxident::simulator {
namespace {

std::string Decode(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%' && i + 2 < text.size() &&
               absl::ascii_isxdigit(text[i + 1]) &&
               absl::ascii_isxdigit(text[i + 2])) {
      out += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

const std::string& HttpRequest::Query(absl::string_view name) const {
  static const std::string& kNone = *new std::string;
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return kNone;
}

std::string HttpRequest::Cookie(absl::string_view name) const {
  for (absl::string_view pair : absl::StrSplit(cookies, ';')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(absl::StripAsciiWhitespace(pair),
                       absl::MaxSplits('=', 1));
    if (parts.first == name) return Decode(parts.second);
  }
  return "";
}

std::vector<std::pair<std::string, std::string>> ParseQuery(
    absl::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  for (absl::string_view pair : absl::StrSplit(text, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    out.emplace_back(Decode(parts.first), Decode(parts.second));
  }
  return out;
}

}  // namespace wxident::simulator

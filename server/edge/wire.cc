#include "server/edge/wire.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/crypto/base64.h"

namespace wxident {
namespace {

constexpr absl::string_view kGrpc = "application/grpc";

std::optional<absl::Duration> UnitOf(char unit) {
  switch (unit) {
    case 'H':
      return absl::Hours(1);
    case 'M':
      return absl::Minutes(1);
    case 'S':
      return absl::Seconds(1);
    case 'm':
      return absl::Milliseconds(1);
    case 'u':
      return absl::Microseconds(1);
    case 'n':
      return absl::Nanoseconds(1);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<absl::Duration> ParseGrpcTimeout(absl::string_view text) {
  constexpr size_t kMostDigits = 8;
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  const std::optional<absl::Duration> unit = UnitOf(text.back());
  if (!unit.has_value()) return std::nullopt;
  int64_t number = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (!absl::ascii_isdigit(c)) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number * *unit;
}

std::string PercentEncode(absl::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::optional<std::string> DecodeBinaryField(absl::string_view text) {
  if (text.size() % 4 == 0) return Base64Decode(text);
  if (absl::StrContains(text, '=')) return std::nullopt;
  return Base64Decode(
      absl::StrCat(text, std::string(4 - text.size() % 4, '=')));
}

std::string EncodeBinaryField(absl::string_view bytes) {
  std::string out = Base64Encode(bytes);
  while (!out.empty() && out.back() == '=') out.pop_back();
  return out;
}

bool IsGrpcContentType(absl::string_view text) {
  if (!absl::StartsWithIgnoreCase(text, kGrpc)) return false;
  const absl::string_view rest = text.substr(kGrpc.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';';
}

void AppendMessagePrefix(size_t message_size, std::string& out) {
  out += '\0';
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(message_size >> shift & 0xff);
}

}  // namespace wxident

#include "tests/hostile/http2_frames.h"

#include "absl/strings/str_cat.h"

namespace wxident {

std::string BigEndian(uint64_t number, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i)
    out += static_cast<char>(number >> (8 * i) & 0xff);
  return out;
}

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream,
                  absl::string_view payload) {
  return absl::StrCat(BigEndian(payload.size(), 3), BigEndian(type, 1),
                      BigEndian(flags, 1), BigEndian(stream, 4), payload);
}

std::string HpackNumber(uint8_t first, int bits, uint64_t number) {
  const uint64_t most = (1u << bits) - 1;
  if (number < most) return BigEndian(first | number, 1);
  std::string out = BigEndian(first | most, 1);
  for (number -= most; number >= 128; number /= 128)
    out += static_cast<char>(number % 128 | 128);
  return out + static_cast<char>(number);
}

std::string HpackField(absl::string_view name, absl::string_view value,
                       bool remembered) {
  return absl::StrCat(remembered ? "\x40" : BigEndian(0, 1),
                      HpackNumber(0, 7, name.size()), name,
                      HpackNumber(0, 7, value.size()), value);
}

std::string HpackRemembered(int age) {
  constexpr int kFirstOfTheTable = 62;
  return HpackNumber(0x80, 7, kFirstOfTheTable + age);
}

std::string Request(
    absl::string_view path,
    const std::vector<std::pair<std::string, std::string>>& more) {
  std::string out = "\x83\x86";  // POST, http
  absl::StrAppend(&out, HpackField(":path", path, true),
                  HpackField(":authority", "localhost", true),
                  HpackField("content-type", "application/grpc", true),
                  HpackField("te", "trailers", true));
  for (const auto& [name, value] : more) out += HpackField(name, value);
  return out;
}

std::string RepeatedRequest() {
  return absl::StrCat("\x83\x86", HpackRemembered(3), HpackRemembered(2),
                      HpackRemembered(1), HpackRemembered(0));
}

std::string Message(absl::string_view bytes, bool compressed) {
  return absl::StrCat(BigEndian(compressed ? 1 : 0, 1),
                      BigEndian(bytes.size(), 4), bytes);
}

}  // namespace wxident

#include "server/store/postgres/sql/storable_text.h"

#include <cstddef>

#include "server/identity/error.h"

namespace wxident {
namespace {

// How many bytes the character at `at` has; 0 when there is no valid one.
size_t CharacterSize(absl::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  // C0 and C1 could only begin an overlong form, and above F4 is no plane.
  if (first < 0xc2 || first > 0xf4) return 0;
  for (size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const unsigned second = byte(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90))
    return 0;                                    // overlong
  if (first == 0xed && second > 0x9f) return 0;  // surrogates
  if (first == 0xf4 && second > 0x8f) return 0;  // above U+10FFFF
  return size;
}

bool IsStorable(absl::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t size = CharacterSize(text, at);
    if (size == 0) return false;
    at += size;
  }
  return true;
}

}  // namespace

absl::Status CheckStorable(
    std::initializer_list<std::pair<absl::string_view, absl::string_view>>
        fields) {
  for (const auto& [name, text] : fields) {
    if (!IsStorable(text))
      return Error(Reason::kRequestInvalid,
                   "a text cannot be stored; send it as UTF-8 without NUL")
          .Field(name, "must be UTF-8 without NUL")
          .ToStatus();
  }
  return absl::OkStatus();
}

}  // namespace wxident

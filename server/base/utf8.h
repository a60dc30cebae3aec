#ifndef WXIDENT_SERVER_BASE_UTF8_H_
#define WXIDENT_SERVER_BASE_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

// Well-formed UTF-8 as the Unicode standard defines it (table 3-7): no overlong
// forms, no surrogates, nothing above U+10FFFF.

// Returns whether all of `text` is well-formed.
bool IsUtf8(absl::string_view text);

// Returns `text` with U+FFFD for each byte that is part of no well-formed
// character.
std::string WithValidUtf8(absl::string_view text);

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_UTF8_H_

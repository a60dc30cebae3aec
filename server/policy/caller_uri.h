#ifndef WXIDENT_SERVER_POLICY_CALLER_URI_H_
#define WXIDENT_SERVER_POLICY_CALLER_URI_H_

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace wxident {

// Whether a certificate's URI can be a caller: it can stand in a policy and in
// a log line, and is not taken for something else there. "scheme:" and visible
// ASCII, at most what SPIFFE allows an id.
inline bool IsCallerUri(absl::string_view text) {
  constexpr size_t kMost = 2048;
  const size_t colon = text.find(':');
  return colon != text.npos && colon > 0 && text.size() <= kMost &&
         absl::ascii_isalpha(static_cast<unsigned char>(text.front())) &&
         std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
}

}  // namespace wxident

#endif  // WXIDENT_SERVER_POLICY_CALLER_URI_H_

#ifndef WXIDENT_SERVER_AUDIT_JSON_TEXT_H_
#define WXIDENT_SERVER_AUDIT_JSON_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace wxident {

// Appends `text` as a JSON string, in quotes, for a line that others feed: what
// JSON or a terminal could take for something else is escaped, and so is
// everything outside ASCII, byte by byte, so that the line is valid whatever
// came in. Of more than 256 bytes the rest is left out and "..." says so.
void AppendJsonText(absl::string_view text, std::string& out);

}  // namespace wxident

#endif  // WXIDENT_SERVER_AUDIT_JSON_TEXT_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_SQL_STORABLE_TEXT_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SQL_STORABLE_TEXT_H_

#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace wxident {

// Refuses text that a database cannot hold: with a NUL, or not UTF-8. The error
// is REQUEST_INVALID and names the field, never its value. Each pair is a
// field's name and its text.
absl::Status CheckStorable(
    std::initializer_list<std::pair<absl::string_view, absl::string_view>>
        fields);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SQL_STORABLE_TEXT_H_

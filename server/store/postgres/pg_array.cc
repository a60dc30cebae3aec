#include "server/store/postgres/pg_array.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace wxident {

void PgArray::Separate() {
  if (literal_.size() > 1) literal_ += ',';
}

// Always in quotes: only then are braces, commas, spaces, "" and the word NULL
// plain text.
PgArray& PgArray::AddText(absl::string_view text) {
  Separate();
  literal_ += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') literal_ += '\\';
    literal_ += c;
  }
  literal_ += '"';
  return *this;
}

// bytea's own form begins with one backslash, which the array doubles.
PgArray& PgArray::AddBytes(absl::string_view bytes) {
  Separate();
  absl::StrAppend(&literal_, "\"\\\\x", absl::BytesToHexString(bytes), "\"");
  return *this;
}

PgArray& PgArray::AddNumber(int64_t number) {
  Separate();
  absl::StrAppend(&literal_, number);
  return *this;
}

PgArray& PgArray::AddNull() {
  Separate();
  literal_ += "NULL";
  return *this;
}

}  // namespace wxident

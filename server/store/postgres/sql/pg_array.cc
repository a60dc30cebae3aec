#include "server/store/postgres/sql/pg_array.h"

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

std::vector<std::string> PgArrayElements(absl::string_view literal) {
  std::vector<std::string> elements;
  if (literal.size() <= 2 || literal.front() != '{' || literal.back() != '}')
    return elements;
  literal.remove_prefix(1);
  literal.remove_suffix(1);
  elements.emplace_back();
  bool quoted = false;
  for (size_t i = 0; i < literal.size(); ++i) {
    const char c = literal[i];
    if (c == '\\' && i + 1 < literal.size())
      elements.back() += literal[++i];
    else if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      elements.emplace_back();
    else
      elements.back() += c;
  }
  return elements;
}

}  // namespace wxident

#ifndef WXIDENT_SERVER_STORE_POSTGRES_SQL_PG_ARRAY_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SQL_PG_ARRAY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace wxident {

// Writes PostgreSQL's text form of a one-dimensional array, element by element,
// to be sent as one parameter ("$1::text[]"): libpq sends no arrays. Any
// text without NUL comes out as it went in (CheckStorable refuses NUL); an
// element is never taken for NULL or for syntax, whatever it holds.
class PgArray {
 public:
  PgArray& AddText(absl::string_view text);
  // For bytea[].
  PgArray& AddBytes(absl::string_view bytes);
  // For bigint[].
  PgArray& AddNumber(int64_t number);
  PgArray& AddNull();

  // NULL when the text is empty.
  PgArray& AddTextOrNull(absl::string_view text) {
    return text.empty() ? AddNull() : AddText(text);
  }

  std::string Literal() const { return literal_ + "}"; }

 private:
  void Separate();

  std::string literal_ = "{";
};

// The elements of a one-dimensional array as PostgreSQL writes it. No element
// is NULL in the arrays that we read; one that is comes out as "NULL". What is
// no array is empty.
std::vector<std::string> PgArrayElements(absl::string_view literal);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SQL_PG_ARRAY_H_

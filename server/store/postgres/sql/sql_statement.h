#ifndef WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_STATEMENT_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_STATEMENT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/postgres/sql/pg_array.h"

namespace wxident {

// What a parameter of a statement holds, in PostgreSQL's text form.
struct SqlArgument {
  SqlArgument(absl::string_view name, std::string text)
      : name(name), text(std::move(text)) {}
  SqlArgument(absl::string_view name, const PgArray& array)
      : SqlArgument(name, array.Literal()) {}

  absl::string_view name;
  std::string text;
};

// A statement whose parameters have names. Its text has ":app_ids" where the
// value of "app_ids" goes, once or more often; what stands in quotes is left
// alone, and "::" is a cast. Immutable and thread-safe; to be made once, for
// making it reads the text.
class SqlStatement {
 public:
  explicit SqlStatement(absl::string_view text);

  // The text with $1, $2, ... for the parameters.
  const std::string& sql() const { return sql_; }

  // Returns what $1, $2, ... hold. Fails with kInternal, naming the parameter,
  // if `arguments` lacks one or holds one too many.
  absl::StatusOr<std::vector<std::string>> Bind(
      std::vector<SqlArgument> arguments) const;

 private:
  // The number of a parameter, from 1.
  size_t NumberOf(absl::string_view name);

  std::string sql_;
  // In the order of their numbers.
  std::vector<std::string> names_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_STATEMENT_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_ROWS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_ROWS_H_

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace wxident {

// A value in PostgreSQL's text form; nullopt is NULL.
using SqlValue = std::optional<std::string>;

// A row of an answer. Its values are read by the names of their columns, which
// all rows of an answer share.
class SqlRow {
 public:
  using Names = std::vector<std::string>;
  using const_iterator = std::vector<SqlValue>::const_iterator;
  using iterator = const_iterator;
  using value_type = SqlValue;

  // There is a name for each value.
  SqlRow(std::shared_ptr<const Names> names, std::vector<SqlValue> values)
      : names_(std::move(names)), values_(std::move(values)) {}
  // A row whose columns have no names.
  // NOLINTNEXTLINE(google-explicit-constructor)
  SqlRow(std::initializer_list<SqlValue> values) : values_(values) {}

  // The statement must name the column: the process ends if it does not.
  const SqlValue& operator[](absl::string_view name) const;
  // By number, for answers of one column, and tests.
  const SqlValue& operator[](size_t number) const { return values_[number]; }

  size_t size() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  const_iterator begin() const { return values_.begin(); }
  const_iterator end() const { return values_.end(); }

  friend bool operator==(const SqlRow& a, const SqlRow& b) {
    return a.values_ == b.values_;
  }

 private:
  std::shared_ptr<const Names> names_;
  std::vector<SqlValue> values_;
};

using SqlRows = std::vector<SqlRow>;

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_SQL_SQL_ROWS_H_

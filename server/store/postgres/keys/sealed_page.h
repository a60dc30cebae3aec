#ifndef WXIDENT_SERVER_STORE_POSTGRES_KEYS_SEALED_PAGE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_KEYS_SEALED_PAGE_H_

#include <optional>
#include <string>
#include <vector>

#include "server/store/key_store.h"
#include "server/store/postgres/keys/sealed_columns.h"
#include "server/store/postgres/sql/sql_session.h"

namespace wxident {

// The next rows of a table in the order of its primary key, whose index finds
// them, however many rows there are and whatever they hold.
class SealedPage {
 public:
  // `from` is within SealedColumns().
  SealedPage(const KeyPosition& from, int rows);

  const SealedColumn& column() const { return column_; }

  // "FROM table WHERE ... ORDER BY ... LIMIT ...", and what its parameters
  // hold.
  const std::string& sql() const { return sql_; }
  const std::vector<SqlArgument>& arguments() const { return arguments_; }
  // "encode(key1, 'hex') AS key1_hex, key2": a row's primary key, for KeyAt.
  const std::string& key_sql() const { return key_sql_; }
  // What key_sql names a part.
  static std::string ShownName(const SealedColumn::KeyPart& part);
  // The primary key from the columns that key_sql names.
  std::vector<std::string> KeyAt(const SqlRow& row) const;

  // Where to go on after a page of `rows` rows, of which the last has the
  // primary key `last`.
  std::optional<KeyPosition> Next(int rows,
                                  std::vector<std::string> last) const;

 private:
  const size_t number_;
  const SealedColumn& column_;
  const int most_;
  std::string sql_;
  std::vector<SqlArgument> arguments_;
  std::string key_sql_;
};

// Bytes as a parameter or a constant of type bytea.
std::string BytesParameter(const std::string& bytes);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_KEYS_SEALED_PAGE_H_

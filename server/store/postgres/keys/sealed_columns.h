#ifndef WXIDENT_SERVER_STORE_POSTGRES_KEYS_SEALED_COLUMNS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_KEYS_SEALED_COLUMNS_H_

#include <string>
#include <vector>

#include "server/crypto/aead.h"

namespace wxident {

// One column of the schema that holds sealed values. Its table has an app_id.
struct SealedColumn {
  // A part of the table's primary key, which is AssociatedData::row.
  struct KeyPart {
    const char* column;
    // bytea; otherwise text.
    bool is_bytes = false;
  };

  const char* table;
  const char* column;
  std::vector<KeyPart> key;
  // AssociatedData::column: a value keeps it when it moves to another column.
  const char* sealed_as;

  // `row` is the primary key, each part as it is.
  AssociatedData AssociatedDataOf(const std::vector<std::string>& row) const {
    return {table, sealed_as, {row.begin(), row.end()}};
  }
};

// All of them: every column whose comment in migrations/ says that it is
// sealed. Lives for ever.
const std::vector<SealedColumn>& SealedColumns();

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_KEYS_SEALED_COLUMNS_H_

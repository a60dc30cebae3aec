#include "server/store/postgres/keys/sealed_page.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {

// Not the column's own name for what is not the column: ORDER BY would take it.
std::string SealedPage::ShownName(const SealedColumn::KeyPart& part) {
  return part.is_bytes ? absl::StrCat(part.column, "_hex") : part.column;
}

SealedPage::SealedPage(const KeyPosition& from, int rows)
    : number_(from.column),
      column_(SealedColumns().at(from.column)),
      most_(rows) {
  std::vector<std::string> names, shown, values;
  for (const SealedColumn::KeyPart& part : column_.key) {
    names.emplace_back(part.column);
    shown.push_back(part.is_bytes
                        ? absl::StrCat("encode(", part.column, ", 'hex') AS ",
                                       ShownName(part))
                        : ShownName(part));
  }
  for (size_t i = 0; i < from.after.size() && i < column_.key.size(); ++i) {
    const SealedColumn::KeyPart& part = column_.key[i];
    arguments_.emplace_back(part.column, part.is_bytes
                                             ? BytesParameter(from.after[i])
                                             : from.after[i]);
    values.push_back(
        absl::StrCat(":", part.column, part.is_bytes ? "::bytea" : "::text"));
  }
  const std::string order = absl::StrJoin(names, ", ");
  key_sql_ = absl::StrJoin(shown, ", ");
  sql_ = absl::StrCat(" FROM ", column_.table,
                      values.empty()
                          ? ""
                          : absl::StrCat(" WHERE (", order, ") > (",
                                         absl::StrJoin(values, ", "), ")"),
                      " ORDER BY ", order, " LIMIT ", rows);
}

std::vector<std::string> SealedPage::KeyAt(const SqlRow& row) const {
  std::vector<std::string> key;
  for (const SealedColumn::KeyPart& part : column_.key) {
    const SqlValue& value = row[ShownName(part)];
    key.push_back(part.is_bytes ? BytesOf(value) : TextOf(value));
  }
  return key;
}

std::optional<KeyPosition> SealedPage::Next(
    int rows, std::vector<std::string> last) const {
  if (rows == most_) return KeyPosition{number_, std::move(last)};
  if (number_ + 1 < SealedColumns().size()) return KeyPosition{number_ + 1, {}};
  return std::nullopt;
}

std::string BytesParameter(const std::string& bytes) {
  return absl::StrCat("\\x", absl::BytesToHexString(bytes));
}

}  // namespace wxident

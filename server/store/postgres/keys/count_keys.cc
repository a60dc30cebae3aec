#include "server/store/postgres/keys/count_keys.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/status_macros.h"
#include "server/store/postgres/keys/sealed_page.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

// A statement takes some 20 ms.
constexpr int kRows = 20'000;

// A row per key with its count of values, none for NULLs, and a last one, with
// no key, for the whole page: its count of rows, and its last primary key.
std::string CountSql(const SealedPage& page) {
  const SealedColumn& column = page.column();
  std::vector<std::string> names, nulls, descending;
  for (const SealedColumn::KeyPart& part : column.key) {
    names.emplace_back(part.column);
    nulls.push_back(absl::StrCat("NULL AS ", SealedPage::ShownName(part)));
    descending.push_back(absl::StrCat(part.column, " DESC"));
  }
  return absl::StrCat(
      "WITH page AS MATERIALIZED (SELECT ", absl::StrJoin(names, ", "),
      ", substring(", column.column, " FROM 1 FOR 5) AS prefix", page.sql(),
      ") SELECT encode(prefix, 'hex') AS key_prefix, count(*) AS rows, ",
      absl::StrJoin(nulls, ", "),
      " FROM page WHERE prefix IS NOT NULL GROUP BY prefix UNION ALL (SELECT "
      "NULL, count(*) OVER (), ",
      page.key_sql(), " FROM page ORDER BY ", absl::StrJoin(descending, ", "),
      " LIMIT 1)");
}

absl::StatusOr<KeyCounts> Count(SqlSession& session, const KeyPosition& from) {
  const SealedPage page(from, kRows);
  WX_ASSIGN_OR_RETURN(
      const SqlRows rows,
      session.Execute(SqlStatement(CountSql(page)), page.arguments()));
  KeyCounts counts;
  int size = 0;
  std::vector<std::string> last;
  for (const SqlRow& row : rows) {
    const int64_t rows_counted = NumberOf(row["rows"]);
    if (row["key_prefix"].has_value()) {
      counts.values[SealedKeyId(BytesOf(row["key_prefix"]))] += rows_counted;
    } else {
      size = static_cast<int>(rows_counted);
      last = page.KeyAt(row);
    }
  }
  counts.next = page.Next(size, std::move(last));
  return counts;
}

}  // namespace

absl::Status CountKeys(SqlSession& session,
                       const PgItems<KeyPosition, KeyCounts>& items) {
  for (auto* item : items) {
    WX_ASSIGN_OR_RETURN(item->out, Count(session, item->in));
  }
  return absl::OkStatus();
}

}  // namespace wxident

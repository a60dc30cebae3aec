#include "server/store/postgres/sql/sql_rows.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace wxident {
namespace {

TEST(SqlRowTest, IsReadByTheNamesOfItsColumns) {
  const auto names = std::make_shared<SqlRow::Names>(SqlRow::Names{"a", "ab"});
  const SqlRow row(names, {"one", std::nullopt});
  EXPECT_EQ(row["a"], "one");
  EXPECT_EQ(row["ab"], std::nullopt);
  EXPECT_EQ(row[0], "one");
  EXPECT_EQ(row, SqlRow({"one", std::nullopt}));
}

TEST(SqlRowDeathTest, AColumnThatTheStatementDoesNotNameEndsTheProcess) {
  const auto names = std::make_shared<SqlRow::Names>(SqlRow::Names{"a"});
  const SqlRow row(names, {"one"});
  EXPECT_DEATH(row["b"], "has no column b");
}

}  // namespace
}  // namespace wxident

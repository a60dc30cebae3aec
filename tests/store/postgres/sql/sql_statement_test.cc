#include "server/store/postgres/sql/sql_statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(SqlStatementTest, NumbersItsParametersInTheOrderOfTheirFirstUse) {
  const SqlStatement statement(
      "SELECT :b::text, :a_2::bigint[] FROM t WHERE c = ANY (:b::text[])");
  EXPECT_EQ(statement.sql(),
            "SELECT $1::text, $2::bigint[] FROM t WHERE c = ANY ($1::text[])");
  const auto values = statement.Bind({{"a_2", "two"}, {"b", "one"}});
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_THAT(*values, ElementsAre("one", "two"));
}

TEST(SqlStatementTest, TakesOnlyParametersForParameters) {
  for (const std::string text :
       {"SELECT 1", "", ":", "SELECT a::text", "SELECT ' :a '' :b', \":c\"",
        "SELECT '\\x00'::bytea", "SELECT 'open :a", "SELECT a :: text",
        "SELECT array[1:2]", "SELECT :A"}) {
    const SqlStatement statement(text);
    EXPECT_EQ(statement.sql(), text);
    EXPECT_TRUE(statement.Bind({}).ok()) << text;
  }
}

TEST(SqlStatementTest, ManyParametersKeepTheirNumbers) {
  std::string text, expected;
  std::vector<SqlArgument> arguments;
  const std::string letters = "abcdefghijklmnopqrstuvwxyz";
  for (size_t i = 0; i < letters.size(); ++i) {
    text += " :" + letters.substr(i, 1);
    expected += " $" + std::to_string(i + 1);
    arguments.emplace_back(absl::string_view(letters).substr(i, 1),
                           std::to_string(i));
  }
  const SqlStatement statement(text);
  EXPECT_EQ(statement.sql(), expected);
  const auto values = statement.Bind(std::move(arguments));
  ASSERT_TRUE(values.ok()) << values.status();
  for (size_t i = 0; i < letters.size(); ++i)
    EXPECT_EQ((*values)[i], std::to_string(i));
}

TEST(SqlStatementTest, AnArrayIsItsLiteral) {
  PgArray ids;
  ids.AddNumber(1).AddNumber(2);
  EXPECT_THAT(*SqlStatement(":ids").Bind({{"ids", ids}}), ElementsAre("{1,2}"));
}

TEST(SqlStatementTest, WhatIsMissingOrTooMuchIsNamed) {
  const SqlStatement statement("SELECT :a, :b");
  for (const auto& [arguments, name] :
       std::vector<std::pair<std::vector<SqlArgument>, std::string>>{
           {{{"a", "1"}}, "b"},
           {{{"b", "1"}}, "a"},
           {{{"a", "1"}, {"b", "2"}, {"c", "3"}}, "c"},
           {{{"a", "1"}, {"b", "2"}, {"b", "3"}}, "b"}}) {
    const absl::Status status = statement.Bind(arguments).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("parameter " + name + " "));
  }
}

}  // namespace
}  // namespace wxident

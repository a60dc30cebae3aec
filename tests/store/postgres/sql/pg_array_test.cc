#include "server/store/postgres/sql/pg_array.h"

#include <gtest/gtest.h>

#include "server/store/postgres/sql/storable_text.h"

namespace wxident {
namespace {

TEST(PgArray, WritesWhatPostgresReads) {
  EXPECT_EQ(PgArray().Literal(), "{}");
  EXPECT_EQ(PgArray().AddText("a").AddNull().AddText("").Literal(),
            R"({"a",NULL,""})");
  EXPECT_EQ(PgArray().AddNumber(-5).AddNull().AddNumber(7).Literal(),
            "{-5,NULL,7}");
  EXPECT_EQ(PgArray().AddBytes(std::string("\0\xff", 2)).AddBytes("").Literal(),
            R"({"\\x00ff","\\x"})");
  EXPECT_EQ(PgArray().AddTextOrNull("").AddTextOrNull("x").Literal(),
            R"({NULL,"x"})");
}

TEST(PgArray, TextIsNeverSyntax) {
  EXPECT_EQ(PgArray().AddText(R"(a"b\c)").Literal(), R"({"a\"b\\c"})");
  EXPECT_EQ(PgArray().AddText("NULL").AddText("{,}").Literal(),
            R"({"NULL","{,}"})");
}

TEST(PgArray, ReadsWhatPostgresWrites) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(PgArrayElements("{}"), Texts());
  EXPECT_EQ(PgArrayElements(""), Texts());
  EXPECT_EQ(PgArrayElements("{a,5}"), Texts({"a", "5"}));
  EXPECT_EQ(PgArrayElements(R"({"",",","a\"b\\c","{}"})"),
            Texts({"", ",", R"(a"b\c)", "{}"}));
  EXPECT_EQ(PgArrayElements(PgArray().AddText("\\\"").AddText("x y").Literal()),
            Texts({"\\\"", "x y"}));
}

TEST(CheckStorable, TakesUtf8AndRefusesTheRest) {
  for (const char* good :
       {"", "a", "\x7f", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(CheckStorable({{"f", good}}).ok()) << good;
  for (const char* bad :
       {"\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xffz"})
    EXPECT_FALSE(CheckStorable({{"f", bad}}).ok()) << bad;
  EXPECT_FALSE(CheckStorable({{"f", absl::string_view("\0", 1)}}).ok());
}

}  // namespace
}  // namespace wxident

#include "server/base/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace wxident {
namespace {

constexpr char kReplaced[] = "\xEF\xBF\xBD";

TEST(Utf8Test, TakesWhatIsWellFormed) {
  for (absl::string_view text :
       {"", "plain", "\u4f60\u597d", "\u00e9", "\U0001f600", "\ud7ff", "\ue000",
        "\uffff", "\U0010ffff"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
    EXPECT_EQ(WithValidUtf8(text), text);
  }
  const std::string nul("a\0b", 3);
  EXPECT_TRUE(IsUtf8(nul));
  EXPECT_EQ(WithValidUtf8(nul), nul);
}

TEST(Utf8Test, RefusesWhatIsNot) {
  const std::string bad[] = {
      "\x80",  // no character begins so
      "\xBF",
      "\xC0\xAF",  // overlong
      "\xC1\xBF",
      "\xE0\x9F\xBF",
      "\xF0\x8F\xBF\xBF",
      "\xED\xA0\x80",  // a surrogate
      "\xED\xBF\xBF",
      "\xF4\x90\x80\x80",  // above U+10FFFF
      "\xF5\x80\x80\x80",
      "\xFF",
      "\xC3",  // cut
      "\xE4\xBD",
      "\xF0\x9F\x98",
      "\xE4\xBDx",
  };
  for (const std::string& text : bad) {
    EXPECT_FALSE(IsUtf8(text)) << text;
    EXPECT_FALSE(IsUtf8("before" + text));
    EXPECT_TRUE(IsUtf8(WithValidUtf8(text)));
  }
}

TEST(Utf8Test, ReplacesEachByteThatIsPartOfNoCharacter) {
  const std::string r = kReplaced;
  EXPECT_EQ(WithValidUtf8("a\x80z"), "a" + r + "z");
  EXPECT_EQ(WithValidUtf8("\xC0\xAF"), r + r);
  EXPECT_EQ(WithValidUtf8("\xED\xA0\x80"), r + r + r);
  EXPECT_EQ(WithValidUtf8("\xE4\xBD"), r + r);
  // What follows a cut character is taken as it is.
  EXPECT_EQ(WithValidUtf8("\xE4\xBD\x22"), r + r + "\"");
  EXPECT_EQ(WithValidUtf8("\xE4\xE4\xBD\xA0"), r + "\u4f60");
}

}  // namespace
}  // namespace wxident

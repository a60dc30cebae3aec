#include "server/base/log.h"

#include <cstdlib>
#include <exception>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/wechat/json.h"
#include "tests/base/captured_log.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A character below U+10000.
std::string Utf8Of(char32_t code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  std::string out;
  if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
  } else {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
  }
  out += static_cast<char>(0x80 | (code & 0x3f));
  return out;
}

std::string LineOf(const std::string& value) {
  return FormatLogLine("2026-01-02T03:04:05Z", LogLevel::kWarning, "event",
                       {{"name", value}});
}

TEST(LogTest, WritesOneJsonLine) {
  EXPECT_EQ(LineOf("value"),
            R"({"ts":"2026-01-02T03:04:05Z","level":"warning",)"
            R"("event":"event","name":"value"})");
}

TEST(LogTest, KeepsTheOrderOfFields) {
  EXPECT_EQ(FormatLogLine("t", LogLevel::kInfo, "e", {{"b", "1"}, {"a", "2"}}),
            R"({"ts":"t","level":"info","event":"e","b":"1","a":"2"})");
}

TEST(LogTest, NoValueBreaksTheLine) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string line = LineOf(std::string(3, static_cast<char>(byte)));
    for (char c : line) EXPECT_TRUE(c < 0 || (c >= 0x20 && c < 0x7f)) << byte;
    const std::optional<Json> json = ParseJsonObject(line);
    ASSERT_TRUE(json.has_value()) << line;
    // In ASCII the value comes back as it was; no other byte is a character.
    EXPECT_EQ((*json)["name"], byte < 0x80
                                   ? std::string(3, static_cast<char>(byte))
                                   : "\uFFFD\uFFFD\uFFFD");
  }
}

TEST(LogTest, ChineseTextCanBeRead) {
  EXPECT_EQ(LineOf("\u5fae\u4fe1 \U0001f600"),
            "{\"ts\":\"2026-01-02T03:04:05Z\",\"level\":\"warning\","
            "\"event\":\"event\",\"name\":\"\u5fae\u4fe1 \U0001f600\"}");
  // A name beside bytes that are none.
  EXPECT_THAT(LineOf("\u5fae\xff\u4fe1"), HasSubstr("\u5fae\uFFFD\u4fe1"));
}

TEST(LogTest, WhatATerminalObeysIsEscaped) {
  for (char32_t code : {0x7f, 0x80, 0x9b, 0x9f, 0x2028, 0x2029, 0x202a, 0x202e,
                        0x2066, 0x2069}) {
    const std::string text = Utf8Of(code);
    const std::string line = LineOf("a" + text + "b");
    EXPECT_THAT(line, Not(HasSubstr(text))) << static_cast<int>(code);
    EXPECT_EQ((*ParseJsonObject(line))["name"], "a" + text + "b");
  }
  // Their neighbours are characters like others.
  for (char32_t code : {0xa0, 0x2027, 0x202f, 0x2065, 0x206a, 0x20ac})
    EXPECT_THAT(LineOf(Utf8Of(code)), HasSubstr(Utf8Of(code)));
}

TEST(LogTest, AForgedFieldStaysAValue) {
  const std::string forged = "x\",\"level\":\"error\"}\n{\"a\":\"";
  const std::optional<Json> json = ParseJsonObject(LineOf(forged));
  ASSERT_TRUE(json.has_value());
  EXPECT_EQ((*json)["name"], forged);
  EXPECT_EQ((*json)["level"], "warning");
}

TEST(LogTest, CutsLongValues) {
  const std::optional<Json> json =
      ParseJsonObject(LineOf(std::string(257, 'x')));
  EXPECT_EQ((*json)["name"], absl::StrCat(std::string(256, 'x'), "..."));
  EXPECT_EQ((*ParseJsonObject(LineOf(std::string(256, 'x'))))["name"],
            std::string(256, 'x'));
}

TEST(LogTest, CutsNoCharacterInTwo) {
  // The 256th byte is the first, the second and the third of a character.
  for (size_t before : {255, 254, 253}) {
    std::string text(before, 'x');
    for (int i = 0; i < 10; ++i) text += "\u4fe1";
    std::string kept(before, 'x');
    if (before == 253) kept += "\u4fe1";
    EXPECT_EQ((*ParseJsonObject(LineOf(text)))["name"],
              absl::StrCat(kept, "..."))
        << before;
  }
}

TEST(LogTest, WritesALineToStderr) {
  const std::string out = LoggedBy([] {
    Log(LogLevel::kInfo, "seen", {{"name", "value"}});
    Log(LogLevel::kDebug, "not seen");
  });
  EXPECT_THAT(out, HasSubstr(R"("event":"seen","name":"value"})"
                             "\n"));
  EXPECT_THAT(out, Not(HasSubstr("not seen")));
}

class LogDeathTest : public ::testing::Test {
 protected:
  LogDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(LogDeathTest, TheProcessEndWritesWhatWasLogged) {
  EXPECT_EXIT(
      {
        Log(LogLevel::kInfo, "last words");
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "last words");
}

TEST_F(LogDeathTest, AFatalSignalLosesNoLine) {
  EXPECT_DEATH(
      {
        FlushLogOnFatalSignals();
        for (int i = 0; i < 1000; ++i)
          Log(LogLevel::kInfo, i == 999 ? "last words" : "some words");
        std::abort();
      },
      "last words");
}

TEST_F(LogDeathTest, AnUncaughtExceptionLosesNoLine) {
  EXPECT_DEATH(
      {
        FlushLogOnFatalSignals();
        Log(LogLevel::kInfo, "last words");
        std::terminate();
      },
      "last words");
}

}  // namespace
}  // namespace wxident

#include "server/base/log.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/wechat/json.h"

namespace wxident {
namespace {

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
    EXPECT_EQ(line.find('\n'), std::string::npos) << byte;
    for (char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << byte;
    const std::optional<Json> json = ParseJsonObject(line);
    ASSERT_TRUE(json.has_value()) << line;
    // In ASCII the value comes back as it was; other bytes by their numbers.
    if (byte < 0x80) {
      EXPECT_EQ((*json)["name"], std::string(3, static_cast<char>(byte)));
    }
  }
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

}  // namespace
}  // namespace wxident

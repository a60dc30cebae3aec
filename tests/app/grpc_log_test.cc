#include "server/app/grpc_log.h"

#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "server/wechat/json.h"

namespace wxident {
namespace {

void Complain(int number) {
  gpr_log("/src/core/handshake.cc", 17, GPR_LOG_SEVERITY_ERROR,
          "handshake %d \"failed\"\n", number);
}

TEST(GrpcLogTest, IsJsonAndOneLineASecondFromEachPlace) {
  TakeGrpcLog();
  // As the library does when it is first used.
  gpr_log_verbosity_init();
  testing::internal::CaptureStderr();
  for (int i = 0; i < 1000; ++i) Complain(i);
  gpr_log("/src/core/other.cc", 17, GPR_LOG_SEVERITY_ERROR, "other");
  absl::SleepFor(absl::Milliseconds(1100));
  Complain(1000);
  const std::string text = testing::internal::GetCapturedStderr();
  std::vector<Json> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::optional<Json> json = ParseJsonObject(std::string(line));
    ASSERT_TRUE(json.has_value()) << line;
    lines.push_back(*json);
  }
  ASSERT_EQ(lines.size(), 3u) << text;
  EXPECT_EQ(lines[0]["level"], "warning");
  EXPECT_EQ(lines[0]["event"], "grpc");
  EXPECT_EQ(lines[0]["message"], "handshake 0 \"failed\"\n");
  EXPECT_EQ(lines[0]["at"], "handshake.cc:17");
  EXPECT_FALSE(lines[0].contains("left_out"));
  EXPECT_EQ(lines[1]["message"], "other");
  EXPECT_EQ(lines[2]["message"], "handshake 1000 \"failed\"\n");
  EXPECT_EQ(lines[2]["left_out"], "999");
}

}  // namespace
}  // namespace wxident

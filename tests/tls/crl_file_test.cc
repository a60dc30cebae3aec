#include "server/tls/crl_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/base/temp_folder.h"

namespace wxident {
namespace {

using ::testing::HasSubstr;

class CrlFileTest : public testing::Test {
 protected:
  std::shared_ptr<const std::string> Read(absl::Duration later = {}) {
    auto text = file_.Read(path_, absl::Now() + later);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.value_or(nullptr);
  }

  const TempFolder folder_;
  const std::string path_ = folder_.Write("crl", "one");
  CrlFile file_;
};

TEST_F(CrlFileTest, OneTextIsOneObject) {
  const auto one = Read();
  EXPECT_EQ(*one, "one");
  EXPECT_EQ(Read(), one);
  EXPECT_EQ(Read(absl::Hours(1)), one);
  EXPECT_EQ(Read(absl::Hours(1)), one);
  folder_.Write("crl", "two");
  EXPECT_EQ(*Read(absl::Hours(1)), "two");
  EXPECT_EQ(*one, "one");
}

// Too fast for the times of files to tell.
TEST_F(CrlFileTest, SeesChangesThatFollowOneAnother) {
  for (int i = 0; i < 2'000; ++i) {
    const std::string text = absl::StrFormat("%04d", i);
    folder_.Write("crl", text);
    ASSERT_EQ(*Read(), text);
  }
}

TEST_F(CrlFileTest, SeesThatRightsHaveChanged) {
  Read(absl::Hours(1));
  Read(absl::Hours(1));
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  EXPECT_THAT(file_.Read(path_, absl::Now()).status().message(),
              HasSubstr("chmod o-w"));
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_EQ(*Read(), "one");
}

TEST_F(CrlFileTest, TellsWhyThereIsNone) {
  ASSERT_EQ(truncate(path_.c_str(), CrlFile::kMaxBytes + 1), 0);
  EXPECT_THAT(file_.Read(path_, absl::Now()).status().message(),
              HasSubstr("is over 67108864 bytes"));
  ASSERT_EQ(unlink(path_.c_str()), 0);
  EXPECT_THAT(file_.Read(path_, absl::Now()).status().message(),
              HasSubstr("cannot open the file"));
}

}  // namespace
}  // namespace wxident

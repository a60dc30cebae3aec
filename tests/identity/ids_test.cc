#include "server/identity/ids.h"

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

TEST(UserIdTest, IsAUuidVersion7) {
  FakeRandom random;
  const absl::Time now = absl::FromUnixMillis(0x0123456789ab);
  for (int i = 0; i < 100; ++i) {
    const std::string id = NewUserId(now, random);
    EXPECT_TRUE(IsUuid(id)) << id;
    EXPECT_EQ(id.substr(0, 13), "01234567-89ab");
    EXPECT_EQ(id[14], '7');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
  }
}

TEST(UserIdTest, SortsByTimeAndNeverRepeats) {
  FakeRandom random;
  std::set<std::string> ids;
  std::string last;
  for (int ms = 0; ms < 1000; ++ms) {
    const std::string id =
        NewUserId(absl::FromUnixMillis(1767323045000 + ms), random);
    EXPECT_LT(last, id);
    last = id;
    EXPECT_TRUE(ids.insert(id).second);
  }
}

TEST(UuidTest, TakesLowerCaseTextOnly) {
  const std::string good = "01234567-89ab-7cde-8f01-23456789abcd";
  EXPECT_TRUE(IsUuid(good));
  for (const char* bad : {"", "01234567-89AB-7cde-8f01-23456789abcd",
                          "01234567-89ab-7cde-8f01-23456789abc",
                          "01234567-89ab-7cde-8f01-23456789abcde",
                          "0123456789ab7cde8f0123456789abcd0000",
                          "01234567-89ab-7cde-8f01-23456789abcg",
                          "{1234567-89ab-7cde-8f01-23456789abc}"})
    EXPECT_FALSE(IsUuid(bad)) << bad;
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == '-' ? '0' : '-';
    EXPECT_FALSE(IsUuid(bad)) << bad;
  }
}

TEST(WechatIdTest, KnowsTheAlphabetAndSize) {
  EXPECT_TRUE(IsWechatId("oGZUI0egBJY1zhBYw2KhdUfwVJJE", 28));
  EXPECT_TRUE(IsWechatId("a-_Z09", 6));
  EXPECT_FALSE(IsWechatId("", 10));
  EXPECT_FALSE(IsWechatId("abcdef", 5));
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= '0' && c <= '9') || c == '_' || c == '-';
    EXPECT_EQ(IsWechatId(absl::string_view(&c, 1), 1), good) << byte;
  }
}

}  // namespace
}  // namespace wxident

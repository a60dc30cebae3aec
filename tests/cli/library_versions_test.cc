#include "server/cli/library_versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace wxident {
namespace {

using ::testing::MatchesRegex;

TEST(LibraryVersionsTest, ComparesNumberByNumber) {
  EXPECT_TRUE(IsOlder("3.0.9", "3.0.22"));
  EXPECT_TRUE(IsOlder("15.18", "15.20"));
  EXPECT_TRUE(IsOlder("3.0", "3.0.1"));
  EXPECT_FALSE(IsOlder("3.0.22", "3.0.22"));
  EXPECT_FALSE(IsOlder("3.1.0", "3.0.22"));
  EXPECT_FALSE(IsOlder("16.1", "15.20"));
  EXPECT_FALSE(IsOlder("8.0.0-DEV", "7.88.1"));
}

TEST(LibraryVersionsTest, KnowsThoseThatAreLoaded) {
  std::vector<std::string> names;
  for (const LibraryVersion& library : LibraryVersions()) {
    names.push_back(library.name);
    EXPECT_THAT(library.version, MatchesRegex("[0-9]+\\.[0-9]+.*"));
    EXPECT_THAT(library.minimum, MatchesRegex("[0-9]+(\\.[0-9]+)+"));
  }
  EXPECT_THAT(names,
              ::testing::ElementsAre("OpenSSL", "nghttp2", "curl", "libpq"));
}

}  // namespace
}  // namespace wxident

#include "server/http/http_client.h"

#include "gtest/gtest.h"

namespace wxident {
namespace {

TEST(NothingSentTest, IsWhatWasMarked) {
  const absl::Status plain = absl::UnavailableError("gone");
  EXPECT_FALSE(NothingSent(plain));
  const absl::Status marked = MarkNothingSent(plain);
  EXPECT_TRUE(NothingSent(marked));
  EXPECT_EQ(marked.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(marked.message(), "gone");
}

}  // namespace
}  // namespace wxident

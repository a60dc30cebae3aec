#include "tests/store/store_contract.h"

namespace wxident {
namespace {

TEST_P(TokenStoreContract, GivesBackWhatWasSaved) {
  EXPECT_FALSE(Load("wx1", TokenMode::kStable));
  ASSERT_TRUE(Save("wx1", TokenMode::kStable, "token", 7).ok());
  const auto loaded = Load("wx1", TokenMode::kStable);
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->token.Expose(), "token");
  EXPECT_EQ(loaded->expires_at, expires_at_);
  EXPECT_EQ(loaded->generation, 7);
}

TEST_P(TokenStoreContract, AppsAndModesAreApart) {
  ASSERT_TRUE(Save("wx1", TokenMode::kStable, "stable", 1).ok());
  ASSERT_TRUE(Save("wx1", TokenMode::kOrdinary, "ordinary", 1).ok());
  EXPECT_FALSE(Load("wx2", TokenMode::kStable));
  EXPECT_EQ(Load("wx1", TokenMode::kStable)->token.Expose(), "stable");
  EXPECT_EQ(Load("wx1", TokenMode::kOrdinary)->token.Expose(), "ordinary");
}

TEST_P(TokenStoreContract, OnlyAHigherGenerationReplaces) {
  ASSERT_TRUE(Save("wx1", TokenMode::kStable, "two", 2).ok());
  ASSERT_TRUE(Save("wx1", TokenMode::kStable, "one", 1).ok());
  ASSERT_TRUE(Save("wx1", TokenMode::kStable, "other two", 2).ok());
  EXPECT_EQ(Load("wx1", TokenMode::kStable)->token.Expose(), "two");
  ASSERT_TRUE(Save("wx1", TokenMode::kStable, "three", 3).ok());
  EXPECT_EQ(Load("wx1", TokenMode::kStable)->token.Expose(), "three");
}

TEST_P(TokenStoreContract, RacingSavesEndWithTheHighest) {
  OnThreads(32, [&](int i) {
    EXPECT_TRUE(
        Save("wx1", TokenMode::kStable, absl::StrCat("t", i), i + 1).ok());
  });
  EXPECT_EQ(Load("wx1", TokenMode::kStable)->token.Expose(), "t31");
}

}  // namespace
}  // namespace wxident

#include "server/keys/key_ring_edit.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/crypto/base64.h"
#include "server/crypto/key_ring.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;

std::string Line(uint32_t id) {
  return absl::StrCat(
      id, " ", Base64Encode(std::string(32, static_cast<char>('a' + id))));
}

std::vector<uint32_t> Ids(const Secret& text) {
  std::vector<uint32_t> ids;
  const auto keys = KeyRing::Parse(text.Expose());
  for (const KeyRing::Key& key : *keys) ids.push_back(key.id);
  return ids;
}

class KeyRingEditTest : public ::testing::Test {
 protected:
  Secret New(const std::string& text) {
    return WithNewKey(Secret(text), random_)->text;
  }

  FakeRandom random_;
};

TEST_F(KeyRingEditTest, AnEmptyRingGetsItsFirstKey) {
  const absl::StatusOr<EditedRing> ring = WithNewKey(Secret(), random_);
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(ring->key_id, 1u);
  const auto keys = KeyRing::Parse(ring->text.Expose());
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ((*keys)[0].bytes.Expose(), FakeRandom().Bytes(32));
}

TEST_F(KeyRingEditTest, ANewKeyStandsLast) {
  const Secret text = New(absl::StrCat(Line(7), "\n", Line(3)));
  EXPECT_THAT(Ids(text), ElementsAre(7, 3, 8));
}

TEST_F(KeyRingEditTest, AnIdIsNeverUsedTwice) {
  const std::string full = New(Line(1)).Expose();
  // The newest key is taken out again.
  const std::string without = full.substr(0, full.rfind("2 "));
  EXPECT_THAT(Ids(Secret(without)), ElementsAre(1));
  EXPECT_THAT(Ids(New(without)), ElementsAre(1, 3));
}

TEST_F(KeyRingEditTest, TheLastIdIsRememberedOnce) {
  std::string text;
  for (int i = 0; i < 5; ++i) text = New(text).Expose();
  EXPECT_EQ(text.find("# last id 5\n"), 0u);
  EXPECT_EQ(text.find("# last id", 1), std::string::npos);
  EXPECT_THAT(Ids(Secret(text)), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(KeyRingEditTest, WithoutAnIdLeftThereIsNoNewKey) {
  EXPECT_FALSE(
      WithNewKey(Secret("# last id 4294967295\n" + Line(1)), random_).ok());
}

TEST_F(KeyRingEditTest, TheNewestGoesToTheTopAndTheRestStays) {
  const absl::StatusOr<EditedRing> ring = WithNewestFirst(Secret(absl::StrCat(
      "# ours\n\n", Line(2), "\n# the old one\n", Line(1), "\n", Line(3))));
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(ring->key_id, 3u);
  EXPECT_EQ(ring->text.Expose(),
            absl::StrCat("# ours\n\n", Line(3), "\n", Line(2),
                         "\n# the old one\n", Line(1), "\n"));
  const absl::StatusOr<EditedRing> again = WithNewestFirst(ring->text);
  EXPECT_THAT(Ids(again->text), ElementsAre(3, 2, 1));
}

TEST_F(KeyRingEditTest, WhatIsNoRingIsRefused) {
  for (const char* text : {"1 canary", "# nothing"}) {
    const absl::Status refused = WithNewestFirst(Secret(text)).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(refused.message().find("canary"), absl::string_view::npos);
  }
  EXPECT_EQ(WithNewKey(Secret("1 canary"), random_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace wxident

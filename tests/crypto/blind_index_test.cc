#include "server/crypto/blind_index.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace wxident {
namespace {

TEST(BlindIndexTest, IsTheSameForTheSamePartsOnly) {
  const BlindIndex index(1, Secret(std::string(32, 'k')));
  EXPECT_EQ(index.Mac({"a", "b"}), index.Mac({"a", "b"}));
  EXPECT_EQ(index.Mac({"a", "b"}).size(), 32u);
  const std::set<std::string> macs = {
      index.Mac({"a", "b"}),  index.Mac({"b", "a"}), index.Mac({"ab"}),
      index.Mac({"ab", ""}),  index.Mac({"", "ab"}), index.Mac({"a", "b", ""}),
      index.Mac({"1:a;1:b"}), index.Mac({})};
  EXPECT_EQ(macs.size(), 8u);
}

TEST(BlindIndexTest, DependsOnTheKey) {
  const BlindIndex one(1, Secret(std::string(32, 'k')));
  const BlindIndex two(1, Secret(std::string(32, 'l')));
  EXPECT_NE(one.Mac({"13580006666"}), two.Mac({"13580006666"}));
}

TEST(BlindIndexTest, EachPurposeHasAKeyOfItsOwn) {
  const BlindIndex index(7, Secret(std::string(32, 'k')));
  const BlindIndex derived = index.Derive("a");
  EXPECT_EQ(derived.key_id(), 7u);
  EXPECT_EQ(derived.Mac({"x"}), index.Derive("a").Mac({"x"}));
  const std::set<std::string> macs = {
      index.Mac({"x"}), derived.Mac({"x"}), index.Derive("b").Mac({"x"}),
      derived.Derive("a").Mac({"x"}),
      BlindIndex(7, Secret(std::string(32, 'l'))).Derive("a").Mac({"x"})};
  EXPECT_EQ(macs.size(), 5u);
}

}  // namespace
}  // namespace wxident

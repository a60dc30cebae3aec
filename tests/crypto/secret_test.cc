#include "server/crypto/secret.h"

#include <cstring>
#include <new>
#include <string>
#include <type_traits>

#include "gtest/gtest.h"

namespace wxident {
namespace {

static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(!std::is_convertible_v<Secret, absl::string_view>);

// Short enough to stand inside the object, where it can still be looked at
// when the object is gone.
constexpr char kShort[] = "canary-7f3a";

bool Holds(const unsigned char* memory, size_t size) {
  const size_t needle = sizeof(kShort) - 1;
  for (size_t i = 0; i + needle <= size; ++i) {
    bool same = true;
    for (size_t j = 0; j < needle; ++j)
      same &= static_cast<const volatile unsigned char*>(memory)[i + j] ==
              static_cast<unsigned char>(kShort[j]);
    if (same) return true;
  }
  return false;
}

TEST(SecretTest, IsWipedWhenDestroyed) {
  alignas(Secret) unsigned char memory[sizeof(Secret)];
  auto* secret = new (memory) Secret(kShort);
  ASSERT_TRUE(Holds(memory, sizeof(memory)));
  secret->~Secret();
  EXPECT_FALSE(Holds(memory, sizeof(memory)));
}

TEST(SecretTest, IsWipedWhenMovedFrom) {
  alignas(Secret) unsigned char memory[sizeof(Secret)];
  auto* secret = new (memory) Secret(kShort);
  const Secret other(std::move(*secret));
  EXPECT_FALSE(Holds(memory, sizeof(memory)));
  EXPECT_TRUE(secret->empty());
  EXPECT_EQ(other.Expose(), kShort);
  secret->~Secret();
}

TEST(SecretTest, IsWipedWhenAssignedTo) {
  alignas(Secret) unsigned char memory[sizeof(Secret)];
  auto* secret = new (memory) Secret(kShort);
  *secret = Secret("x");
  EXPECT_FALSE(Holds(memory, sizeof(memory)));
  EXPECT_EQ(secret->Expose(), "x");
  secret->~Secret();
}

TEST(SecretTest, CopiesAndComparesByValue) {
  const Secret a("one");
  Secret b(a);
  EXPECT_TRUE(a == b);
  b = Secret("two");
  EXPECT_FALSE(a == b);
  EXPECT_FALSE(a == Secret("one "));
  EXPECT_TRUE(Secret() == Secret(""));
  b = a;
  Secret& self = b;
  b = self;
  EXPECT_EQ(b.Expose(), "one");
  b = std::move(self);
  EXPECT_EQ(b.Expose(), "one");
  EXPECT_EQ(b.size(), 3u);
}

}  // namespace
}  // namespace wxident

#include "server/keeper/held_credential.h"

#include <gtest/gtest.h>

namespace wxident {
namespace {

CredentialState Generation(int64_t generation, const std::string& value) {
  CredentialState state;
  state.generation = generation;
  state.value = Secret(value);
  state.life = absl::Hours(2);
  state.until_refresh = absl::Hours(1);
  return state;
}

absl::Duration At(int seconds) { return absl::Seconds(seconds); }

std::string Token(const HeldCredential& held) {
  return held.token() == nullptr ? "" : held.token()->token.Expose();
}

TEST(HeldCredential, AnAnswerThatWasOvertakenTakesNothingBack) {
  HeldCredential held;
  EXPECT_TRUE(held.Learn(Generation(1, "one"), At(1), At(2)));
  // A save was begun first, a read that ran before it was answered after it:
  // as a reader that knew generation 1, or as one that knew nothing.
  EXPECT_TRUE(held.Learn(Generation(2, "two"), At(3), At(6)));
  EXPECT_FALSE(held.Learn(Generation(1, ""), At(4), At(7)));
  EXPECT_FALSE(held.Learn(Generation(1, "one"), At(5), At(7)));
  EXPECT_EQ(Token(held), "two");
  EXPECT_EQ(held.known(), 2);
}

TEST(HeldCredential, ANewerGenerationIsTakenWheneverItWasAskedFor) {
  HeldCredential held;
  EXPECT_TRUE(held.Learn(Generation(1, "one"), At(1), At(2)));
  // The read was begun after the save, and answered before it.
  EXPECT_FALSE(held.Learn(Generation(1, ""), At(4), At(5)));
  EXPECT_TRUE(held.Learn(Generation(2, "two"), At(3), At(6)));
  EXPECT_EQ(Token(held), "two");
  EXPECT_FALSE(held.Learn(Generation(2, ""), At(7), At(8)));
  EXPECT_EQ(Token(held), "two");
}

TEST(HeldCredential, ADatabaseThatWasSetBackIsBelieved) {
  HeldCredential held;
  EXPECT_TRUE(held.Learn(Generation(5, "five"), At(1), At(2)));
  EXPECT_TRUE(held.Learn(Generation(3, "three"), At(3), At(4)));
  EXPECT_EQ(Token(held), "three");
  EXPECT_EQ(held.known(), 3);
}

}  // namespace
}  // namespace wxident

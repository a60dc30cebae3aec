#include "server/identity/session_token.h"

#include <set>
#include <string>

#include "gtest/gtest.h"
#include "server/crypto/hash.h"
#include "server/identity/ids.h"
#include "tests/crypto/fake_random.h"

namespace wxident {
namespace {

TEST(SessionTokenTest, HasItsFormAndHash) {
  FakeRandom random;
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const Secret salt = NewTokenSalt(random);
    EXPECT_EQ(salt.size(), 32u);
    const Secret token = LoginToken(salt, Secret("code"));
    for (const Secret& made : {token, RefreshedToken(salt, token)}) {
      EXPECT_EQ(made.size(), 48u);
      EXPECT_EQ(made.Expose().substr(0, 5), "wxs1_");
      EXPECT_TRUE(IsWechatId(made.Expose(), 48));
      EXPECT_EQ(SessionTokenHash(made.Expose()), Sha256(made.Expose()));
      EXPECT_TRUE(seen.insert(made.Expose()).second);
    }
  }
}

TEST(SessionTokenTest, TheSameSaltAndInputGiveTheSameToken) {
  const Secret salt(std::string(32, 's'));
  EXPECT_EQ(LoginToken(salt, Secret("a")), LoginToken(salt, Secret("a")));
  EXPECT_EQ(RefreshedToken(salt, Secret("a")),
            RefreshedToken(salt, Secret("a")));
}

// Replicas of two releases must agree, so the bytes are settled. The expected
// ones are openssl's:
//   printf 'wxident session token of a login\ncode' | openssl dgst -sha256
//     -mac HMAC -macopt hexkey:7373...73 -binary | basenc --base64url
TEST(SessionTokenTest, KnownBytes) {
  const Secret salt(std::string(32, 's'));
  EXPECT_EQ(LoginToken(salt, Secret("code")).Expose(),
            "wxs1_RoSBGLA7aBOcBv1PCB0vr0Ts51Waw7vnFMipFeargFs");
  EXPECT_EQ(RefreshedToken(salt, Secret("code")).Expose(),
            "wxs1_YyJZx7cqtZM8qUHhW3Q97s2Bnm0wQafdCW_KEyajfDQ");
}

// No part is enough, and no use gives what another one gives.
TEST(SessionTokenTest, EverythingCounts) {
  FakeRandom random;
  const Secret salt = NewTokenSalt(random);
  std::set<std::string> made;
  for (const Secret& some : {salt, NewTokenSalt(random), Secret()}) {
    for (const char* input : {"code", "codf", "code ", ""}) {
      made.insert(LoginToken(some, Secret(input)).Expose());
      made.insert(RefreshedToken(some, Secret(input)).Expose());
    }
  }
  EXPECT_EQ(made.size(), 24u);
}

TEST(SessionTokenTest, WhatCannotBeATokenHasNoHash) {
  FakeRandom random;
  const std::string token =
      LoginToken(NewTokenSalt(random), Secret("code")).Expose();
  for (const std::string& bad :
       {std::string(), token.substr(1), token + "A", "wxs2_" + token.substr(5),
        "WXS1_" + token.substr(5), token.substr(0, 47) + "=",
        token.substr(0, 47) + " ", token.substr(0, 47) + std::string(1, '\0')})
    EXPECT_FALSE(SessionTokenHash(bad).has_value()) << bad;
}

}  // namespace
}  // namespace wxident

#include "server/session/session_changes.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "server/identity/session_token.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/identity/authorized_for_test.h"

namespace wxident {
namespace {

class SessionChangesTest : public testing::Test {
 protected:
  SessionChangesTest() {
    data_.users["user"] = clock_.Now();
    data_.identities[{"app", "openid"}] = {"user", "", 1};
    data_.sessions["a"] = {
        {"app", "openid"}, clock_.Now(), clock_.Now() + absl::Hours(1)};
  }

  Deadline Soon() { return Deadline::After(absl::Seconds(3), clock_); }

  bool Active(const std::string& hash) {
    bool active = false;
    cache_.Check(hash, /*strong=*/false, Soon(),
                 [&](absl::StatusOr<std::optional<Session>> found) {
                   active = found.ok() && found->has_value();
                 });
    return active;
  }

  FakeClock clock_;
  FakeRandom random_;
  FakeStoreData data_{clock_};
  FakeSessionStore store_{data_};
  SessionCache cache_{store_, clock_};
  SessionChanges changes_{
      cache_,
      random_,
      {.overlap = absl::Seconds(30), .max_age = absl::Hours(24)}};
};

TEST_F(SessionChangesTest, TheOldTokenWorksForTheOverlap) {
  std::string fresh;
  changes_.Refresh(AuthorizedForTest::OfToken("a"), Secret("token"), Soon(),
                   [&](absl::StatusOr<std::optional<RefreshedSession>> made) {
                     ASSERT_TRUE(made.ok() && made->has_value());
                     fresh = *SessionTokenHash((*made)->token.Expose());
                   });
  EXPECT_TRUE(Active(fresh));
  clock_.Advance(absl::Seconds(29));
  EXPECT_TRUE(Active("a"));
  clock_.Advance(absl::Seconds(2));
  EXPECT_FALSE(Active("a"));
  EXPECT_TRUE(Active(fresh));
}

TEST_F(SessionChangesTest, WhatIsRevokedIsNotInMemoryAnyMore) {
  EXPECT_TRUE(Active("a"));
  changes_.Revoke(AuthorizedForTest::OfToken("a"), Soon(),
                  [](absl::StatusOr<int> count) { EXPECT_EQ(*count, 1); });
  EXPECT_FALSE(Active("a"));
}

TEST_F(SessionChangesTest, AUsersSessionsAreRevokedTogether) {
  EXPECT_TRUE(Active("a"));
  changes_.RevokeUser(AuthorizedForTest::EveryApp(), "user", Soon(),
                      [](absl::StatusOr<int> count) { EXPECT_EQ(*count, 1); });
  EXPECT_FALSE(Active("a"));
}

}  // namespace
}  // namespace wxident

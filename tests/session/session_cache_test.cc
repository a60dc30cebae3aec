#include "server/session/session_cache.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/identity/error.h"
#include "server/identity/session_token.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/fakes/forwarding_session_store.h"

namespace wxident {
namespace {

// Counts look-ups, and can hold their answers back after they were made.
class HoldingStore final : public ForwardingSessionStore {
 public:
  using ForwardingSessionStore::ForwardingSessionStore;

  void FindSession(std::string token_hash, Deadline deadline,
                   Done<std::optional<Session>> done) override {
    ++finds;
    store_.FindSession(
        std::move(token_hash), deadline,
        [&, done = std::move(done)](
            absl::StatusOr<std::optional<Session>> found) mutable {
          if (!hold) return std::move(done)(std::move(found));
          auto shared =
              std::make_shared<Done<std::optional<Session>>>(std::move(done));
          held.push_back([shared, found] { std::move (*shared)(found); });
        });
  }

  std::atomic<int> finds{0};
  bool hold = false;
  std::deque<std::function<void()>> held;
};

class SessionCacheTest : public testing::Test {
 protected:
  SessionCacheTest() {
    data_.users["user"] = clock_.Now();
    data_.identities[{"app", "openid"}] = {"user", "", 1};
  }

  void AddSession(const std::string& hash,
                  absl::Duration life = absl::Hours(1)) {
    data_.sessions[hash] = {
        {"app", "openid"}, clock_.Now(), clock_.Now() + life};
  }

  Deadline Soon() { return Deadline::After(absl::Seconds(3), clock_); }

  bool Active(const std::string& hash, bool strong = false) {
    std::optional<bool> active;
    checks_.Check(hash, strong, Soon(),
                  [&](absl::StatusOr<std::optional<Session>> found) {
                    active = found.ok() && found->has_value();
                  });
    return active.value();
  }

  // The hash of what a token is refreshed to, or "" when the answer is no.
  std::string Refresh(const std::string& hash) {
    std::string made;
    checks_.Refresh(
        {.token = Secret("token of " + hash),
         .token_hash = hash,
         .salt = NewTokenSalt(random_),
         .overlap = absl::Seconds(30),
         .max_age = absl::Hours(24)},
        Soon(), [&](absl::StatusOr<std::optional<RefreshedSession>> refreshed) {
          if (refreshed.ok() && refreshed->has_value())
            made = *SessionTokenHash((*refreshed)->token.Expose());
        });
    return made;
  }

  FakeClock clock_;
  FakeRandom random_;
  FakeStoreData data_{clock_};
  FakeSessionStore fake_{data_};
  HoldingStore store_{fake_};
  SessionCache checks_{store_, clock_};
};

TEST_F(SessionCacheTest, AnswersFromMemoryForOneSecond) {
  AddSession("a");
  EXPECT_TRUE(Active("a"));
  EXPECT_TRUE(Active("a"));
  EXPECT_EQ(store_.finds, 1);
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Active("a"));
  EXPECT_EQ(store_.finds, 2);
}

TEST_F(SessionCacheTest, StrongAsksTheStore) {
  AddSession("a");
  EXPECT_TRUE(Active("a"));
  data_.sessions["a"].revoked = true;  // by another replica
  EXPECT_TRUE(Active("a"));
  EXPECT_FALSE(Active("a", /*strong=*/true));
}

TEST_F(SessionCacheTest, AnotherReplicasRevocationIsSeenWithinOneSecond) {
  AddSession("a");
  EXPECT_TRUE(Active("a"));
  data_.sessions["a"].revoked = true;
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(Active("a"));
}

TEST_F(SessionCacheTest, OwnRevocationsAreSeenAtOnce) {
  AddSession("a");
  AddSession("b");
  EXPECT_TRUE(Active("a"));
  EXPECT_TRUE(Active("b"));
  int count = 0;
  checks_.Revoke("a", Soon(), [&](absl::StatusOr<int> n) { count = *n; });
  EXPECT_EQ(count, 1);
  EXPECT_FALSE(Active("a"));
  checks_.RevokeUser("user", Soon(),
                     [&](absl::StatusOr<int> n) { count = *n; });
  EXPECT_EQ(count, 1);
  EXPECT_FALSE(Active("b"));
}

TEST_F(SessionCacheTest, AnAnswerFromBeforeARevocationIsNotRemembered) {
  for (const bool whole_user : {false, true}) {
    AddSession("a");
    store_.hold = true;
    checks_.Check("a", false, Soon(),
                  [](absl::StatusOr<std::optional<Session>>) {});
    store_.hold = false;
    if (whole_user)
      checks_.RevokeUser("user", Soon(), [](absl::StatusOr<int>) {});
    else
      checks_.Revoke("a", Soon(), [](absl::StatusOr<int>) {});
    store_.held.front()();
    store_.held.clear();
    EXPECT_FALSE(Active("a"));
  }
}

TEST_F(SessionCacheTest, ARefreshedTokenIsNotAnsweredFromMemory) {
  AddSession("a");
  EXPECT_TRUE(Active("a"));
  const std::string made = Refresh("a");
  const int finds = store_.finds;
  EXPECT_TRUE(Active("a"));
  EXPECT_EQ(store_.finds, finds + 1);
  EXPECT_TRUE(Active(made));
  // Within the overlap, a lost answer is given again.
  EXPECT_EQ(Refresh("a"), made);
}

TEST_F(SessionCacheTest, AReusedTokenEndsItsFamilyInMemoryToo) {
  AddSession("a");
  const std::string made = Refresh("a");
  clock_.Advance(absl::Seconds(31));
  EXPECT_TRUE(Active(made));
  EXPECT_EQ(Refresh("a"), "");
  EXPECT_FALSE(Active(made));
}

TEST_F(SessionCacheTest, RevokingOneTokenEndsItsFamilyInMemoryToo) {
  AddSession("a");
  const std::string made = Refresh("a");
  EXPECT_TRUE(Active("a"));
  EXPECT_TRUE(Active(made));
  checks_.Revoke("a", Soon(), [](absl::StatusOr<int>) {});
  EXPECT_FALSE(Active("a"));
  EXPECT_FALSE(Active(made));
}

TEST_F(SessionCacheTest, RevokingNothingLeavesTheOthersInMemory) {
  AddSession("a");
  EXPECT_TRUE(Active("a"));
  checks_.Revoke("nobody", Soon(), [](absl::StatusOr<int>) {});
  EXPECT_TRUE(Active("a"));
  EXPECT_EQ(store_.finds, 1);
}

TEST_F(SessionCacheTest, WhatEndedElsewhereIsForgotten) {
  AddSession("a");
  EXPECT_TRUE(Active("a"));
  store_.hold = true;
  checks_.Check("a", true, Soon(),
                [](absl::StatusOr<std::optional<Session>>) {});
  store_.hold = false;
  data_.sessions.erase("a");
  checks_.ForgetAll();
  store_.held.front()();
  EXPECT_FALSE(Active("a"));
}

TEST_F(SessionCacheTest, AnEndIsNotOutlivedInMemory) {
  AddSession("a", absl::Milliseconds(300));
  EXPECT_TRUE(Active("a"));
  clock_.Advance(absl::Milliseconds(300));
  EXPECT_FALSE(Active("a"));
}

TEST_F(SessionCacheTest, AFailingStoreIsAnErrorNotANo) {
  AddSession("a");
  fake_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  absl::Status status;
  checks_.Check("a", false, Soon(),
                [&](absl::StatusOr<std::optional<Session>> found) {
                  status = found.status();
                });
  EXPECT_TRUE(HasReason(status, Reason::kStoreUnavailable));
}

TEST_F(SessionCacheTest, RacersSeeNoRevokedSession) {
  for (int i = 0; i < 100; ++i) AddSession(std::string(1, char(i)) + "x");
  std::vector<std::thread> racers;
  for (int racer = 0; racer < 4; ++racer)
    racers.emplace_back([&, racer] {
      for (int i = 0; i < 2000; ++i) {
        const std::string hash = std::string(1, char(i % 100)) + "x";
        if (racer == 1 && i % 50 == 0)
          checks_.ForgetAll();
        else if (racer == 0 && i % 10 == 0)
          checks_.Revoke(hash, Soon(), [](absl::StatusOr<int>) {});
        else
          checks_.Check(hash, i % 7 == 0, Soon(),
                        [](absl::StatusOr<std::optional<Session>>) {});
      }
    });
  for (std::thread& racer : racers) racer.join();
  for (int i = 0; i < 100; i += 10)
    EXPECT_FALSE(Active(std::string(1, char(i)) + "x"));
}

}  // namespace
}  // namespace wxident

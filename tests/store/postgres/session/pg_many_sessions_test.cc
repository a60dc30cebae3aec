// A user with more sessions than one statement can end in its time.

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "server/store/postgres/sql/sql_values.h"
#include "tests/store/postgres_harness.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

constexpr int kSessions = 200'000;

std::unique_ptr<StoreHarness> NewHarness() {
  return std::make_unique<PostgresHarness>();
}

class PgManySessionsTest : public StoreContract {
 protected:
  PostgresHarness& pg() { return static_cast<PostgresHarness&>(*harness_); }

  // As many sessions of wx1's o1, of which one has just logged in.
  std::string Fill() {
    std::string user_id = MustRecord(Login("wx1", "o1")).session.user.user_id;
    // In parts, for a statement has only its time.
    constexpr int kPart = 20'000;
    for (int first = 2; first <= kSessions; first += kPart)
      pg().Sql(absl::StrCat(
          "INSERT INTO sessions (token_hash, app_id, openid,"
          " expires_at, ttl) SELECT sha256(i::text::bytea), 'wx1',"
          " 'o1', now() + interval '1 h', interval '1 h'"
          " FROM generate_series(",
          first, ", ", std::min(first + kPart - 1, kSessions), ") i"));
    return user_id;
  }
  // And tokens that some of them were refreshed to.
  void AddFamilies() {
    pg().Sql(
        "INSERT INTO sessions (token_hash, app_id, openid, expires_at, ttl,"
        " family) SELECT sha256(('next' || i)::bytea), 'wx1', 'o1',"
        " now() + interval '1 h', interval '1 h', sha256(i::text::bytea)"
        " FROM generate_series(2, 20000) i");
  }
  int64_t Active() {
    return NumberOf(
        pg().Sql("SELECT count(*) FROM sessions WHERE revoked_at IS NULL")
            .at(0)[0]);
  }
  // A machine that is busy needs its time; a statement has its own.
  Deadline Patient() {
    return Deadline::After(absl::Minutes(2), harness_->clock());
  }
  absl::StatusOr<int> RevokeBefore(const std::string& user_id,
                                   Deadline deadline) {
    return Await<int>([&](auto done) {
      harness_->sessions().RevokeUserSessions(user_id, deadline,
                                              std::move(done));
    });
  }
};
INSTANTIATE_TEST_SUITE_P(Postgres, PgManySessionsTest,
                         ::testing::Values(&NewHarness));

TEST_P(PgManySessionsTest, AllAreRevoked) {
  const std::string user_id = Fill();
  const SignIn stranger = Login("wx1", "o2");
  MustRecord(stranger);
  const absl::Time began = absl::Now();
  const absl::StatusOr<int> count = RevokeBefore(user_id, Patient());
  RecordProperty("ms", absl::ToInt64Milliseconds(absl::Now() - began));
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, kSessions);
  EXPECT_EQ(Active(), 1);
  EXPECT_TRUE(FindSession(stranger.session_token_hash));
  EXPECT_EQ(RevokeUser(user_id), 0);
}

// Whoever has less time than it takes comes again, and gets on.
TEST_P(PgManySessionsTest, WhatHasEndedStaysEnded) {
  const std::string user_id = Fill();
  int64_t active = kSessions;
  absl::StatusOr<int> count = -1;
  do {
    count = RevokeBefore(
        user_id, Deadline::After(absl::Milliseconds(500), harness_->clock()));
    if (!count.ok())
      EXPECT_TRUE(HasReason(count.status(), Reason::kDeadlinePassed));
    const int64_t left = Active();
    // The time may be over when all have ended, and before that is said.
    if (active > 0) ASSERT_LT(left, active);
    active = left;
  } while (!count.ok());
  EXPECT_EQ(active, 0);
}

TEST_P(PgManySessionsTest, AllAreErased) {
  const std::string user_id = Fill();
  AddFamilies();
  const absl::Time began = absl::Now();
  const auto erased = Await<std::optional<Erased>>([&](auto done) {
    harness_->identities().EraseUser(ByUserId{user_id}, Patient(),
                                     std::move(done));
  });
  RecordProperty("ms", absl::ToInt64Milliseconds(absl::Now() - began));
  ASSERT_TRUE(erased.ok()) << erased.status();
  ASSERT_TRUE(erased->has_value());
  EXPECT_EQ((*erased)->sessions, kSessions);
  EXPECT_EQ((*erased)->identities, 1);
  EXPECT_FALSE(FindUser(ByUserId{user_id}));
  EXPECT_EQ(Active(), 0);
}

TEST_P(PgManySessionsTest, AnExportIsMade) {
  const std::string user_id = Fill();
  const absl::Time began = absl::Now();
  const auto exported = Await<std::optional<ExportedUser>>([&](auto done) {
    harness_->identities().ExportUser(user_id, Patient(), std::move(done));
  });
  RecordProperty("ms", absl::ToInt64Milliseconds(absl::Now() - began));
  ASSERT_TRUE(exported.ok()) << exported.status();
  ASSERT_TRUE(exported->has_value());
  const ExportedIdentity& identity = (*exported)->identities.at(0);
  EXPECT_EQ(identity.session_count, kSessions);
  EXPECT_EQ(identity.sessions.size(), static_cast<size_t>(kExportedSessions));
}

}  // namespace
}  // namespace wxident

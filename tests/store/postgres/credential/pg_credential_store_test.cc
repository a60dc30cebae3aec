// Credentials as PostgreSQL holds them: what a row shows, statements that wait
// for each other, several pools at once, lost connections.

#include <atomic>
#include <functional>

#include "server/identity/error.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/sql/sql_values.h"
#include "tests/store/credential_contract.h"
#include "tests/store/postgres_harness.h"

namespace wxident {
namespace {

std::unique_ptr<StoreHarness> OneWorker() {
  PgPool::Options options;
  options.workers = 1;
  return std::make_unique<PostgresHarness>(options);
}

class PgCredentialStoreTest : public CredentialStoreContract {
 protected:
  PostgresHarness& pg() { return static_cast<PostgresHarness&>(*harness_); }

  absl::Status AcquireStatus(const LeaseRequest& request) {
    return Await<LeaseAnswer>([&](auto done) {
             store().Acquire(request, Soon(), std::move(done));
           })
        .status();
  }

  // Runs `sql` and keeps its transaction, with the locks it takes, until
  // `waiters` statements of `body`, which runs meanwhile, have waited for them.
  // Gives when it ended.
  SqlValue WhileLocked(const char* sql, int waiters,
                       const std::function<void()>& body) {
    auto connector = *MakePgConnector(SharedPostgres().url(), Secret());
    auto holder = *connector->Connect();
    std::thread meanwhile;
    SqlValue end;
    const absl::Status held = holder->Transact([&] {
      EXPECT_TRUE(holder->Execute(sql, {}).ok());
      meanwhile = std::thread(body);
      const std::string waiting = absl::StrCat(
          "SELECT count(*) >= ", waiters,
          " FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
          "AND clock_timestamp() - query_start > interval '20 ms'");
      while (!IsTrue(pg().Sql(waiting).at(0)[0])) std::this_thread::yield();
      end = holder->Execute("SELECT clock_timestamp()", {})->at(0)[0];
      return absl::OkStatus();
    });
    EXPECT_TRUE(held.ok()) << held;
    meanwhile.join();
    return end;
  }
};
INSTANTIATE_TEST_SUITE_P(Postgres, PgCredentialStoreTest,
                         ::testing::Values(&OneWorker));

TEST_P(PgCredentialStoreTest, AValueIsStoredSealedInItsPlace) {
  Fetch(Ordinary(), 0, "canary");
  const SqlRows rows = pg().Sql(
      "SELECT encode(value, 'hex'), kind, "
      "day = (now() AT TIME ZONE 'Asia/Shanghai')::date FROM app_credentials");
  ASSERT_EQ(rows.size(), 1u);
  const auto opened = pg().key_ring().Open(
      BytesOf(rows[0][0]),
      {"app_credentials", "value", {"wx1", "ordinary_token"}});
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->Expose(), "canary");
  EXPECT_EQ(rows[0][1], "ordinary_token");
  EXPECT_TRUE(IsTrue(rows[0][2]));
}

TEST_P(PgCredentialStoreTest, AMovedValueDoesNotOpen) {
  Fetch(Stable("wx1"), 0, "one");
  Fetch(Stable("wx2"), 0, "two");
  Fetch(Ticket("wx2"), 0, "ticket");
  for (const char* from : {"app_id = 'wx2' AND kind = 'stable_token'",
                           "app_id = 'wx2' AND kind = 'jsapi_ticket'"}) {
    pg().Sql(absl::StrCat(
        "UPDATE app_credentials SET value = (SELECT value FROM app_credentials"
        " WHERE ",
        from, ") WHERE app_id = 'wx1'"));
    const auto states = ReadAll({{Stable("wx1"), 0}, {Stable("wx2"), 0}});
    EXPECT_TRUE(HasReason(states.at(0).value.status(), Reason::kTampered));
    EXPECT_EQ(states.at(0).generation, 1);
    EXPECT_EQ(ValueOf(states.at(1)), "two");
  }
  // Whoever does not need it is not hurt, and the next value heals.
  EXPECT_EQ(ValueOf(Read(Stable("wx1"), 1)), "");
  Fetch(Stable("wx1"), 1, "three");
  EXPECT_EQ(ValueOf(Read(Stable("wx1"))), "three");
}

TEST_P(PgCredentialStoreTest, AMissingKeyIsNamed) {
  Fetch(Stable(), 0, "one");
  pg().Sql(
      "UPDATE app_credentials SET value = overlay(value PLACING "
      "'\\x00000102'::bytea FROM 2 FOR 4)");
  const absl::Status status = Read(Stable()).value.status();
  EXPECT_TRUE(HasReason(status, Reason::kKeyUnavailable));
  EXPECT_EQ(DetailsOf(status).metadata["key_id"], "258");
}

TEST_P(PgCredentialStoreTest, ABadRequestOfABatchFailsAlone) {
  std::vector<LeaseRequest> requests;
  for (int i = 0; i < 32; ++i)
    requests.push_back(Ask(Stable(absl::StrCat("wx", i)), 0));
  requests[20].attempt = "not 16 bytes";
  requests[21].key.app_id = std::string("a\0b", 3);
  std::vector<absl::Status> answers(requests.size());
  OnThreads(32, [&](int i) { answers[i] = AcquireStatus(requests[i]); });
  for (int i = 0; i < 32; ++i) {
    if (i == 20)
      EXPECT_TRUE(HasReason(answers[i], Reason::kInternalFault));
    else if (i == 21)
      EXPECT_TRUE(HasReason(answers[i], Reason::kRequestInvalid));
    else
      EXPECT_TRUE(answers[i].ok()) << answers[i];
  }
  EXPECT_EQ(pg().Sql("SELECT count(*), sum(fence) FROM app_credentials"),
            SqlRows({{"30", "30"}}));
}

// A lease begins when it is given, not when it was asked for.
TEST_P(PgCredentialStoreTest, AStatementThatWaitedLooksAtTheClockAfterwards) {
  Fetch(Stable(), 0, "token");
  LeaseAnswer answer;
  const LeaseRequest request = AskToReplace(Stable(), 1);
  const SqlValue released =
      WhileLocked("SELECT 1 FROM app_credentials FOR UPDATE", 1,
                  [&] { answer = Acquire(request); });
  const int64_t fence = answer.fence.value_or(0);
  EXPECT_GT(fence, 0);
  EXPECT_EQ(answer.state.lease_left, kTerm);
  const auto since = [&](const char* column) {
    return pg().Sql(absl::StrCat("SELECT ", column, " >= '", TextOf(released),
                                 "' FROM app_credentials"));
  };
  EXPECT_EQ(since("leased_at"), SqlRows({{"t"}}));

  const SqlValue later =
      WhileLocked("SELECT 1 FROM app_credentials FOR UPDATE", 1,
                  [&] { EXPECT_TRUE(CountForced(Stable(), fence).allowed); });
  EXPECT_EQ(pg().Sql(absl::StrCat("SELECT forced_at >= '", TextOf(later),
                                  "' FROM app_credentials")),
            SqlRows({{"t"}}));
  const SqlValue last =
      WhileLocked("SELECT 1 FROM app_credentials FOR UPDATE", 1,
                  [&] { EXPECT_TRUE(Save(Stable(), fence, 1, "two").kept); });
  EXPECT_EQ(pg().Sql(absl::StrCat("SELECT fetched_at >= '", TextOf(last),
                                  "' FROM app_credentials")),
            SqlRows({{"t"}}));
}

// Not the row of its snapshot decides, but the newest.
TEST_P(PgCredentialStoreTest, AStatementThatWaitedSeesWhatWasWritten) {
  Fetch(Ordinary(), 0, "token");
  LeaseAnswer answer;
  LeaseRequest request = AskToReplace(Ordinary(), 1);
  WhileLocked(
      "UPDATE app_credentials SET fence = fence + 1, fetches = 2000, "
      "lease_attempt = '\\x000102030405060708090a0b0c0d0e0f', "
      "leased_at = now(), lease_until = now() + interval '10 minutes'",
      1, [&] { answer = Acquire(request); });
  EXPECT_FALSE(answer.fence);
  EXPECT_GT(answer.state.lease_left, absl::Minutes(9));
  EXPECT_EQ(answer.state.fetches_today, kOrdinaryFetchesPerDay);

  request = AskToReplace(Ordinary(), 1);
  WhileLocked(
      "UPDATE app_credentials SET finished_fence = fence, fetches = 1999", 1,
      [&] { answer = Acquire(request); });
  EXPECT_TRUE(answer.fence);
  EXPECT_EQ(answer.state.fetches_today, kOrdinaryFetchesPerDay);
}

// The same request twice under way: a connection was lost, the statement on it
// was not.
TEST_P(PgCredentialStoreTest, ARepetitionBesideItsOriginalGetsTheSameLease) {
  PostgresHarness other;
  Fetch(Stable(), 0, "token");
  const LeaseRequest request = AskToReplace(Stable(), 1);
  LeaseAnswer answers[2];
  WhileLocked("SELECT 1 FROM app_credentials FOR UPDATE", 2, [&] {
    OnThreads(2, [&](int i) {
      answers[i] = AcquireFrom(i == 0 ? store() : other.credentials(), request);
    });
  });
  ASSERT_TRUE(answers[0].fence.has_value());
  EXPECT_EQ(answers[0].fence, answers[1].fence);
  EXPECT_EQ(Read(Stable()).fetches_today, 2);
}

TEST_P(PgCredentialStoreTest, OneOfTheRacersOfTwoPoolsGetsTheLease) {
  PostgresHarness other;
  constexpr int kRacers = 32;
  constexpr int kRounds = 90;
  constexpr int kRoundsOfAKey = 3;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const CredentialKey key = Stable(absl::StrCat("wx", round / kRoundsOfAKey));
    const int64_t known = round % kRoundsOfAKey;
    std::vector<LeaseRequest> requests;
    for (int i = 0; i < kRacers; ++i)
      requests.push_back(AskToReplace(key, known));
    std::atomic<int> granted = 0;
    std::atomic<int64_t> fence = 0;
    OnThreads(kRacers, [&](int i) {
      const LeaseAnswer answer =
          AcquireFrom(i % 2 == 0 ? store() : other.credentials(), requests[i]);
      if (!answer.fence.has_value()) return;
      ++granted;
      fence = *answer.fence;
    });
    ASSERT_EQ(granted, 1);
    EXPECT_EQ(fence, known + 1);
    EXPECT_TRUE(Save(key, fence, known, "token").kept);
  }
  EXPECT_EQ(pg().Sql("SELECT count(*), sum(fetches), sum(generation) "
                     "FROM app_credentials"),
            SqlRows({{absl::StrCat(kRounds / kRoundsOfAKey),
                      absl::StrCat(kRounds), absl::StrCat(kRounds)}}));
}

// Batches of many rows, in any order, through two pools.
TEST_P(PgCredentialStoreTest, BatchesThatShareRowsDoNotBlockEachOther) {
  PostgresHarness other;
  constexpr int kKeys = 8;
  std::vector<LeaseRequest> requests;
  for (int i = 0; i < 1024; ++i)
    requests.push_back(
        AskToReplace(Stable(absl::StrCat("wx", i * 5 % kKeys)), 0));
  std::mutex mutex;
  std::condition_variable changed;
  size_t left = requests.size();
  int granted = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    CredentialStore& to = i % 2 == 0 ? store() : other.credentials();
    to.Acquire(requests[i], Soon(), [&](absl::StatusOr<LeaseAnswer> answer) {
      std::lock_guard<std::mutex> lock(mutex);
      EXPECT_TRUE(answer.ok()) << answer.status();
      granted += answer.ok() && answer->fence.has_value();
      --left;
      changed.notify_one();
    });
  }
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return left == 0; });
  EXPECT_EQ(granted, kKeys);
  EXPECT_EQ(pg().Sql("SELECT min(fence), max(fence), max(fetches) "
                     "FROM app_credentials"),
            SqlRows({{"1", "1", "1"}}));
}

TEST_P(PgCredentialStoreTest, CutConnectionsCountNothingTwice) {
  constexpr int kFetches = 200;
  const auto cut = [&] {
    pg().Sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND usename = 'wxident_server'");
  };
  for (int i = 0; i < kFetches && !HasFailure(); ++i) {
    const LeaseRequest request = AskToReplace(Stable(), i);
    // The cut comes before, during or after the statement, and the connection
    // may be lost already from the one before: then the store says so, and the
    // caller repeats what it asked.
    absl::StatusOr<LeaseAnswer> leased;
    OnThreads(2, [&](int thread) {
      if (thread == 0) return cut();
      do {
        leased = Await<LeaseAnswer>([&](auto done) {
          store().Acquire(request, Soon(), std::move(done));
        });
      } while (HasReason(leased.status(), Reason::kStoreUnavailable));
    });
    ASSERT_TRUE(leased.ok()) << leased.status();
    EXPECT_EQ(leased->fence, i + 1);
    absl::StatusOr<SaveAnswer> saved;
    OnThreads(2, [&](int thread) {
      if (thread == 0) return cut();
      do {
        saved = Await<SaveAnswer>([&](auto done) {
          store().Save(Stable(), i + 1, i, Fetched("token"), Soon(),
                       std::move(done));
        });
      } while (HasReason(saved.status(), Reason::kStoreUnavailable));
    });
    ASSERT_TRUE(saved.ok()) << saved.status();
    EXPECT_TRUE(saved->kept);
    EXPECT_EQ(saved->state.generation, i + 1);
  }
  const std::string fetches = absl::StrCat(kFetches);
  EXPECT_EQ(pg().Sql("SELECT fence, generation, fetches FROM app_credentials"),
            SqlRows({{fetches, fetches, fetches}}));
}

}  // namespace
}  // namespace wxident

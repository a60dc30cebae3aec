#include "server/store/postgres/keys/pg_key_store.h"

#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "server/identity/error.h"
#include "server/store/postgres/keys/reencrypt_values.h"
#include "server/store/postgres/keys/sealed_page.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "tests/store/postgres/keys/sealed_fixture.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// A session that does something of its own before its n-th statement.
class Interrupted final : public SqlSession {
 public:
  Interrupted(SqlSession& session, int statement, std::function<void()> what)
      : session_(session), left_(statement), what_(std::move(what)) {}

  absl::StatusOr<SqlRows> Execute(
      const char* sql, const std::vector<std::string>& parameters) override {
    if (--left_ == 0) what_();
    return session_.Execute(sql, parameters);
  }
  absl::Status Transact(absl::FunctionRef<absl::Status()> steps) override {
    return session_.Transact(steps);
  }
  bool Settled() override { return session_.Settled(); }

 private:
  SqlSession& session_;
  int left_;
  const std::function<void()> what_;
};

class PgKeyStoreTest : public SealedFixture {
 protected:
  std::unique_ptr<SqlSession> NewSession() {
    auto connector = MakePgConnector(SharedPostgres().url(), Secret());
    return *(*connector)->Connect();
  }

  absl::StatusOr<std::vector<uint32_t>> Check(
      const std::vector<KeyRing::Key>& keys, bool remember = true) {
    return Check(std::shared_ptr<KeyRing>(*KeyRing::Create(keys, random_)),
                 remember);
  }
  absl::StatusOr<std::vector<uint32_t>> Check(std::shared_ptr<KeyRing> ring,
                                              bool remember = true) {
    return Await<std::vector<uint32_t>>([&](auto done) {
      keys().CheckCanaries(std::move(ring), remember, Soon(), std::move(done));
    });
  }
  void MarkUnused(std::set<uint32_t> used) {
    EXPECT_TRUE(AwaitStatus([&](DoneStatus done) {
                  keys().MarkUnused(std::move(used), Soon(), std::move(done));
                }).ok());
  }

  // 700 persons, of whom each has a session_key and a login answer.
  void FillPages() {
    const SignIn in = Login("wx1", "o1");
    MustRecord(in);
    pg().Sql(
        "INSERT INTO users (user_id) SELECT gen_random_uuid()"
        " FROM generate_series(1, 700)");
    pg().Sql(
        "INSERT INTO identities (app_id, openid, user_id,"
        " open_platform_account) SELECT 'wx1', 'p' || row_number()"
        " OVER (ORDER BY user_id), user_id, 'account' FROM users"
        " WHERE user_id NOT IN (SELECT user_id FROM identities)");
    for (const SqlRow& row :
         pg().Sql("SELECT openid FROM identities WHERE openid <> 'o1'")) {
      const std::string openid = TextOf(row[0]);
      const std::string sealed = ring().Seal(
          Secret(openid), {"session_keys", "session_key", {"wx1", openid}});
      pg().Sql(absl::StrCat(
          "INSERT INTO session_keys (app_id, openid, session_key, key_digest,"
          " exchanged_at) VALUES ('wx1', '",
          openid, "', '", BytesParameter(sealed), "', '', now())"));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Postgres, PgKeyStoreTest,
                         ::testing::Values(&NewPostgresHarness));

TEST_P(PgKeyStoreTest, ReencryptsEveryColumnAndChangesNoText) {
  Fill();
  const std::map<std::string, std::string> texts = Texts();
  const int64_t count = static_cast<int64_t>(texts.size());
  EXPECT_THAT(Counts(), ElementsAre(Pair(1, count)));
  Rotate({2, 1});
  const ReencryptedBatch all = ReencryptAll();
  EXPECT_EQ(all.reencrypted, count);
  EXPECT_EQ(all.missed, 0);
  EXPECT_THAT(all.unreadable, IsEmpty());
  EXPECT_THAT(Counts(), ElementsAre(Pair(2, count)));
  Rotate({2});
  EXPECT_EQ(Texts(), texts);
  EXPECT_EQ(ReencryptAll().reencrypted, 0);
}

TEST_P(PgKeyStoreTest, TheStoresReadOnThroughARotation) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  Rotate({2, 1});
  EXPECT_THAT(KeysOf(in.session_token_hash), ElementsAre("key of o1"));
  ReencryptAll();
  Rotate({2});
  EXPECT_THAT(KeysOf(in.session_token_hash), ElementsAre("key of o1"));
  EXPECT_EQ(FindAnswer(in)->token_salt, in.token_salt);
}

TEST_P(PgKeyStoreTest, GoesPageByPage) {
  FillPages();
  Rotate({2, 1});
  const ReencryptedBatch first = ReencryptFrom({});
  EXPECT_EQ(first.sealing_key_id, 2u);
  EXPECT_EQ(first.reencrypted, 500);
  ASSERT_TRUE(first.next.has_value());
  EXPECT_EQ(first.next->column, 0u);
  // The rest of 701, from where the first page ended.
  const ReencryptedBatch second = ReencryptFrom(*first.next);
  EXPECT_EQ(second.reencrypted, 201);
  ASSERT_TRUE(second.next.has_value());
  EXPECT_EQ(second.next->column, 1u);
  EXPECT_THAT(second.next->after, IsEmpty());
  // What is done is passed over.
  EXPECT_EQ(ReencryptFrom({}).reencrypted, 0);
  // The login's answer is left.
  EXPECT_THAT(Counts(), ElementsAre(Pair(1, 1), Pair(2, 701)));
}

TEST_P(PgKeyStoreTest, SeveralReplicasAtOnceAreOne) {
  FillPages();
  Fill();
  const std::map<std::string, std::string> texts = Texts();
  Rotate({2, 1});
  std::atomic<int64_t> reencrypted{0};
  std::vector<std::unique_ptr<SqlSession>> sessions;
  for (int i = 0; i < 4; ++i) sessions.push_back(NewSession());
  OnThreads(4, [&](int i) {
    std::optional<KeyPosition> position = KeyPosition();
    while (position.has_value()) {
      PgItem<KeyPosition, ReencryptedBatch> item(*position, Soon(), nullptr);
      ASSERT_TRUE(ReencryptValues(*sessions[i], {&item}, ring()).ok());
      reencrypted += item.out->reencrypted;
      position = item.out->next;
    }
  });
  const ReencryptedBatch rest = ReencryptAll();
  EXPECT_EQ(reencrypted + rest.reencrypted, static_cast<int64_t>(texts.size()));
  EXPECT_EQ(Counts().count(1), 0u);
  EXPECT_EQ(Texts(), texts);
}

TEST_P(PgKeyStoreTest, WhatIsWrittenMeanwhileStands) {
  SignIn in = Login("wx1", "o1");
  MustRecord(in);
  Rotate({2, 1});
  // The user logs in anew between the reading and the writing of the batch.
  const SignIn again = [&] {
    SignIn next = Login("wx1", "o1");
    next.session_key = Secret("a newer key");
    return next;
  }();
  const std::unique_ptr<SqlSession> session = NewSession();
  Interrupted interrupted(*session, 2, [&] { MustRecord(again); });
  PgItem<KeyPosition, ReencryptedBatch> item({}, Soon(), nullptr);
  ASSERT_TRUE(ReencryptValues(interrupted, {&item}, ring()).ok());
  EXPECT_EQ(item.out->reencrypted, 0);
  EXPECT_EQ(item.out->missed, 1);
  EXPECT_THAT(KeysOf(again.session_token_hash),
              ElementsAre("a newer key", "key of o1"));
}

TEST_P(PgKeyStoreTest, WhatSomebodyWorksOnIsNotWaitedFor) {
  MustRecord(Login("wx1", "o1"));
  MustRecord(Login("wx1", "o2"));
  Rotate({2, 1});
  const std::unique_ptr<SqlSession> other = NewSession();
  const absl::Status worked = other->Transact([&] {
    EXPECT_TRUE(other
                    ->Execute("SELECT 1 FROM session_keys WHERE openid = 'o1'"
                              " FOR UPDATE",
                              {})
                    .ok());
    const ReencryptedBatch batch = ReencryptFrom({});
    EXPECT_EQ(batch.reencrypted, 1);
    EXPECT_EQ(batch.missed, 1);
    return absl::OkStatus();
  });
  ASSERT_TRUE(worked.ok());
  EXPECT_EQ(ReencryptFrom({}).reencrypted, 1);
}

TEST_P(PgKeyStoreTest, ALostKeyLosesItsOwnValuesAlone) {
  const SignIn lost = Login("wx1", "o1");
  MustRecord(lost);
  Rotate({2, 1});
  const SignIn kept = Login("wx1", "o2");
  MustRecord(kept);
  Rotate({3, 2});
  EXPECT_THAT(KeysOf(kept.session_token_hash), ElementsAre("key of o2"));
  const auto found = Await<std::optional<SessionWithKeys>>([&](auto done) {
    harness_->sessions().FindSessionWithKeys(lost.session_token_hash, Soon(),
                                             std::move(done));
  });
  EXPECT_EQ(DetailsOf(found.status()).reason, Reason::kKeyUnavailable);
  EXPECT_EQ(DetailsOf(found.status()).Fact("key_id"), "1");
  // The session itself is not sealed.
  EXPECT_TRUE(FindSession(lost.session_token_hash).has_value());

  const ReencryptedBatch all = ReencryptAll();
  EXPECT_THAT(
      all.unreadable,
      ElementsAre(
          Pair(UnreadablePlace{"login_answers", "token_salt", "wx1", 1}, 1),
          Pair(UnreadablePlace{"session_keys", "session_key", "wx1", 1}, 1)));
  EXPECT_THAT(Counts(), ElementsAre(Pair(1, 2), Pair(3, 2)));

  // A new login goes on with what it brings.
  SignIn again = Login("wx1", "o1");
  again.session_key = Secret("a newer key");
  MustRecord(again);
  EXPECT_THAT(KeysOf(lost.session_token_hash), ElementsAre("a newer key"));
}

TEST_P(PgKeyStoreTest, CanariesKnowEachKeyAgain) {
  EXPECT_TRUE(Check(Ring({1}))->empty());
  EXPECT_TRUE(Check(Ring({2, 1}))->empty());
  EXPECT_TRUE(Check(Ring({1, 2}))->empty());
  // Another key of the same id, in any place of the ring.
  const KeyRing::Key good{1, Secret(std::string(32, 'k'))};
  const KeyRing::Key bad{2, Secret(std::string(32, 'x'))};
  for (const auto& keys : {std::vector<KeyRing::Key>{good, bad},
                           std::vector<KeyRing::Key>{bad, good}}) {
    const absl::Status status = Check(keys).status();
    EXPECT_EQ(DetailsOf(status).reason, Reason::kRequestInvalid);
    EXPECT_THAT(std::string(status.message()), HasSubstr("id 2 "));
  }
  // What was refused has left nothing.
  EXPECT_TRUE(Check(Ring({2, 1}))->empty());
}

TEST_P(PgKeyStoreTest, ARefusedRingRemembersNothing) {
  ASSERT_TRUE(Check(Ring({1})).ok());
  const KeyRing::Key bad{1, Secret(std::string(32, 'x'))};
  const KeyRing::Key fresh{7, Secret(std::string(32, 'y'))};
  EXPECT_FALSE(Check({fresh, bad}).ok());
  EXPECT_EQ(NumberOf(pg().Sql("SELECT count(*) FROM key_canaries")[0][0]), 1);
}

TEST_P(PgKeyStoreTest, MayLookWithoutRemembering) {
  EXPECT_TRUE(Check(Ring({1}), /*remember=*/false)->empty());
  EXPECT_EQ(NumberOf(pg().Sql("SELECT count(*) FROM key_canaries")[0][0]), 0);
}

TEST_P(PgKeyStoreTest, OfRacingKeysOfOneIdOneIsRefused) {
  std::atomic<int> refused{0};
  for (uint32_t id = 10; id < 30; ++id) {
    std::atomic<int> taken{0};
    OnThreads(4, [&](int i) {
      const std::string bytes(32, static_cast<char>('p' + i));
      if (Check({{id, Secret(bytes)}}).ok())
        ++taken;
      else
        ++refused;
    });
    EXPECT_EQ(taken, 1);
  }
  EXPECT_EQ(refused, 60);
}

TEST_P(PgKeyStoreTest, AMissingKeyIsNamedWhileItMayHaveValues) {
  ASSERT_TRUE(Check(Ring({3, 2, 1})).ok());
  EXPECT_THAT(*Check(Ring({3})), ElementsAre(1, 2));
  MarkUnused({3, 2});
  EXPECT_THAT(*Check(Ring({3})), ElementsAre(2));
  // It seals again: once more it may have some.
  ASSERT_TRUE(Check(Ring({1, 3, 2})).ok());
  EXPECT_THAT(*Check(Ring({3, 2})), ElementsAre(1));
}

TEST_P(PgKeyStoreTest, ATamperedCanaryIsNoKey) {
  ASSERT_TRUE(Check(Ring({2, 1})).ok());
  pg().Sql(
      "UPDATE key_canaries SET canary = (SELECT canary FROM key_canaries"
      " WHERE key_id = 2) WHERE key_id = 1");
  EXPECT_FALSE(Check(Ring({2, 1})).ok());
}

}  // namespace
}  // namespace wxident

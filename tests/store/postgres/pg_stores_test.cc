// What only PostgreSQL can show: what is stored, what a batch with one bad row
// does, several pools at once.

#include <atomic>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "server/identity/error.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/sql/sql_values.h"
#include "tests/store/postgres_harness.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

std::unique_ptr<StoreHarness> OneWorker() {
  PgPool::Options options;
  options.workers = 1;
  return std::make_unique<PostgresHarness>(options);
}

class PgStoresTest : public StoreContract {
 protected:
  PostgresHarness& pg() { return static_cast<PostgresHarness&>(*harness_); }

  absl::Status LoadKeys(const std::string& token_hash) {
    return Await<std::optional<SessionWithKeys>>([&](auto done) {
             harness_->sessions().FindSessionWithKeys(token_hash, Soon(),
                                                      std::move(done));
           })
        .status();
  }
};
INSTANTIATE_TEST_SUITE_P(Postgres, PgStoresTest, ::testing::Values(&OneWorker));

TEST_P(PgStoresTest, SecretsAreStoredSealedAndTokensNotAtAll) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  ASSERT_TRUE(AwaitStatus([&](DoneStatus done) {
                harness_->profiles().SavePhone(
                    {"wx1", "o1", ""}, "account",
                    {Secret("+4420canary"), Secret("20canary"), "44",
                     absl::UnixEpoch()},
                    Soon(), std::move(done));
              }).ok());
  const SqlRows rows = pg().Sql(
      "SELECT encode(k.session_key, 'hex'), encode(p.phone_number, 'hex'),"
      " encode(p.pure_phone_number, 'hex'), encode(p.country_code, 'hex'),"
      " encode(p.phone_index, 'hex'), p.phone_index_key_id"
      " FROM session_keys k JOIN phones p USING (app_id, openid)");
  ASSERT_EQ(rows.size(), 1u);
  const auto open = [&](int column, const char* table, const char* name) {
    const auto opened = pg().key_ring().Open(BytesOf(rows[0][column]),
                                             {table, name, {"wx1", "o1"}});
    return opened.ok() ? opened->Expose() : opened.status().ToString();
  };
  EXPECT_EQ(open(0, "session_keys", "session_key"), "key of o1");
  EXPECT_EQ(open(1, "phones", "phone_number"), "+4420canary");
  EXPECT_EQ(open(2, "phones", "pure_phone_number"), "20canary");
  EXPECT_EQ(open(3, "phones", "country_code"), "44");
  EXPECT_EQ(BytesOf(rows[0][4]), pg().index().Mac({"account", "+4420canary"}));
  EXPECT_EQ(rows[0][5], "9");
}

TEST_P(PgStoresTest, EachFlippedBitIsTampering) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  const size_t bits =
      8 *
      NumberOf(pg().Sql("SELECT octet_length(session_key) FROM session_keys")
                   .at(0)[0]);
  for (size_t bit = 0; bit < bits; ++bit) {
    const std::string flip = absl::StrCat(
        "UPDATE session_keys SET session_key = set_bit(session_key, ", bit,
        ", 1 - get_bit(session_key, ", bit, "))");
    pg().Sql(flip);
    const absl::Status status = LoadKeys(in.session_token_hash);
    // A changed key id names a key that is not there.
    const bool in_key_id = bit / 8 >= 1 && bit / 8 <= 4;
    EXPECT_TRUE(HasReason(
        status, in_key_id ? Reason::kKeyUnavailable : Reason::kTampered))
        << bit << status;
    pg().Sql(flip);
  }
  EXPECT_TRUE(LoadKeys(in.session_token_hash).ok());
}

TEST_P(PgStoresTest, AMovedKeyDoesNotOpenAndCostsItsNeighboursNothing) {
  const SignIn one = Login("wx1", "o1");
  const SignIn two = Login("wx1", "o2");
  MustRecord(one);
  MustRecord(two);
  pg().Sql(
      "UPDATE session_keys SET session_key = (SELECT session_key FROM "
      "session_keys WHERE openid = 'o2') WHERE openid = 'o1'");
  OnThreads(16, [&](int i) {
    if (i % 2 == 0)
      EXPECT_TRUE(
          HasReason(LoadKeys(one.session_token_hash), Reason::kTampered));
    else
      EXPECT_TRUE(LoadKeys(two.session_token_hash).ok());
  });
  // The session itself is not hurt.
  EXPECT_TRUE(FindSession(one.session_token_hash));
}

TEST_P(PgStoresTest, AMissingKeyIsNamed) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  pg().Sql(
      "UPDATE session_keys SET session_key = overlay(session_key PLACING "
      "'\\x00000102'::bytea FROM 2 FOR 4)");
  const absl::Status status = LoadKeys(in.session_token_hash);
  EXPECT_TRUE(HasReason(status, Reason::kKeyUnavailable));
  EXPECT_EQ(DetailsOf(status).metadata["key_id"], "258");
}

TEST_P(PgStoresTest, OneBadRowOfABatchFailsAlone) {
  std::vector<SignIn> logins;
  for (int i = 0; i < 64; ++i)
    logins.push_back(Login("wx1", absl::StrCat("o", i)));
  logins[40].session_token_hash = "not 32 bytes";
  std::vector<absl::Status> answers(logins.size());
  OnThreads(64, [&](int i) { answers[i] = Record(logins[i]).status(); });
  for (int i = 0; i < 64; ++i) {
    if (i == 40)
      EXPECT_TRUE(HasReason(answers[i], Reason::kInternalFault));
    else
      EXPECT_TRUE(answers[i].ok()) << answers[i];
    // No SQL, no value, nothing of the driver.
    EXPECT_FALSE(absl::StrContains(answers[i].ToString(), "session"));
  }
  EXPECT_FALSE(FindUser(ByOpenid{"wx1", "o40"}));
}

TEST_P(PgStoresTest, WhatWaitsSharesAStatement) {
  constexpr int kLogins = 2000;
  std::mutex mutex;
  std::condition_variable changed;
  int left = kLogins;
  int failed = 0;
  for (int i = 0; i < kLogins; ++i) {
    // Every fourth is a repetition of a person.
    SignIn in = Login("wx1", absl::StrCat("o", i / 4 * 3 + i % 3), "");
    if (i % 5 == 0) in.identity.unionid = "u" + in.identity.openid;
    harness_->identities().RecordSignIn(
        std::move(in), Soon(), [&](absl::StatusOr<SignedIn> answer) {
          std::lock_guard<std::mutex> lock(mutex);
          failed +=
              !answer.ok() && !HasReason(answer.status(), Reason::kOverloaded);
          --left;
          changed.notify_one();
        });
  }
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return left == 0; });
  EXPECT_EQ(failed, 0);
  // All but the first few went 64 at a time.
  const std::string text = pg().metrics().Text();
  const std::string name =
      "wxident_store_statements_total{operation=\"record_sign_in\"} ";
  const size_t at = text.find(name);
  ASSERT_NE(at, std::string::npos);
  EXPECT_LT(std::stoi(text.substr(at + name.size())), kLogins / 16);
}

TEST_P(PgStoresTest, TwoPoolsRacingThroughThreeAppsMakeOneUser) {
  PgPool::Options options;
  options.workers = 8;
  PostgresHarness other(options);
  constexpr int kRacers = 32;
  constexpr int kRounds = 500;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    const std::string unionid = absl::StrCat("u", round);
    std::vector<SignIn> logins;
    for (int i = 0; i < kRacers; ++i) {
      const std::string app = absl::StrCat("wx", i % 3);
      const std::string openid = absl::StrCat("o", round, "_", i % 3);
      // Some do not know the unionid yet.
      const std::string told = i % 4 == 3 ? "" : unionid;
      logins.push_back(i % 3 == 0 ? Login(app, openid, told)
                                  : WebLogin(app, openid, told));
    }
    std::vector<UserQuery> answered(kRacers, ByUserId{});
    OnThreads(kRacers, [&](int i) {
      IdentityStore& store =
          i % 2 == 0 ? harness_->identities() : other.identities();
      const SignedIn in = Must<SignedIn>([&](auto done) {
        store.RecordSignIn(logins[i], Soon(), std::move(done));
      });
      answered[i] = ByUserId{in.session.user.user_id};
    });
    const auto user = FindUser(ByUnionid{"account", unionid});
    ASSERT_TRUE(user.has_value());
    EXPECT_EQ(user->identities.size(), 3u);
    for (const auto& resolved : FindUsers(answered)) {
      ASSERT_TRUE(resolved.has_value());
      EXPECT_EQ(resolved->user.user_id, user->user.user_id);
    }
    const SignIn& some = logins[round % kRacers];
    EXPECT_EQ(FindSession(some.session_token_hash)->user.user_id,
              user->user.user_id);
    EXPECT_TRUE(FindAnswer(some)->token_salt == some.token_salt);
  }
  EXPECT_EQ(pg().Sql("SELECT count(*), (SELECT count(*) FROM sessions), "
                     "(SELECT count(*) FROM login_answers) FROM users"),
            SqlRows({{absl::StrCat(kRounds), absl::StrCat(kRounds * kRacers),
                      absl::StrCat(kRounds * kRacers)}}));
}

TEST_P(PgStoresTest, GrantsAndSaltsAreStoredSealed) {
  const SignIn in = WebLogin("wx1", "o1");
  MustRecord(in);
  const NewToken refresh = RefreshOf(in.session_token_hash);
  ASSERT_TRUE(Refresh(refresh));
  const SqlRows rows = pg().Sql(
      "SELECT encode(g.access_token, 'hex'), encode(g.refresh_token, 'hex'),"
      " encode(a.token_salt, 'hex'), encode(s.next_salt, 'hex')"
      " FROM oauth_grants g, login_answers a, sessions s"
      " WHERE s.next_salt IS NOT NULL");
  ASSERT_EQ(rows.size(), 1u);
  const auto open = [&](int column, const AssociatedData& data) {
    const auto opened = pg().key_ring().Open(BytesOf(rows[0][column]), data);
    return opened.ok() ? opened->Expose() : opened.status().ToString();
  };
  EXPECT_EQ(open(0, {"oauth_grants", "access_token", {"wx1", "o1"}}),
            "token of o1");
  EXPECT_EQ(open(1, {"oauth_grants", "refresh_token", {"wx1", "o1"}}),
            "refresh token of o1");
  EXPECT_EQ(open(2, {"login_answers", "token_salt", {"wx1", in.code_hash}}),
            in.token_salt.Expose());
  EXPECT_EQ(open(3, {"sessions", "next_salt", {in.session_token_hash}}),
            refresh.salt.Expose());
}

// Somebody who has the database and the key ring has no token that works.
TEST_P(PgStoresTest, NothingThatIsStoredOpensToASessionToken) {
  for (const SignIn& in : {Login("wx1", "o1"), WebLogin("wx1", "o2")}) {
    MustRecord(in);
    const NewToken second = RefreshOf(in.session_token_hash);
    ASSERT_TRUE(Refresh(second));
    ASSERT_TRUE(Refresh(RefreshOf(second.new_token_hash)));
  }
  int opened = 0;
  int unsealed = 0;
  for (const SqlRow& table :
       pg().Sql("SELECT c.table_name, c.column_name"
                " FROM information_schema.columns c"
                " WHERE c.table_schema = 'public' AND c.data_type = 'bytea'")) {
    const std::string name = TextOf(table[0]);
    const std::string column = TextOf(table[1]);
    for (const SqlRow& row : pg().Sql(absl::StrCat(
             "SELECT encode(t.", column, ", 'hex'), ",
             "to_jsonb(t) ->> 'app_id', ", "to_jsonb(t) ->> 'openid', ",
             "substr(to_jsonb(t) ->> 'code_hash', 3), ",
             "substr(to_jsonb(t) ->> 'token_hash', 3) FROM ", name,
             " t WHERE t.", column, " IS NOT NULL"))) {
      const std::string stored = BytesOf(row[0]);
      EXPECT_FALSE(absl::StrContains(stored, "wxs1_")) << name << column;
      ++unsealed;
      const std::string app = TextOf(row[1]);
      const std::string openid = TextOf(row[2]);
      const std::string code_hash = BytesOf(row[3]);
      const std::string token_hash = BytesOf(row[4]);
      for (const std::vector<absl::string_view>& key :
           {std::vector<absl::string_view>{app, openid},
            {app, code_hash},
            {token_hash}}) {
        const auto text = pg().key_ring().Open(stored, {name, column, key});
        if (!text.ok()) continue;
        ++opened;
        EXPECT_FALSE(absl::StrContains(text->Expose(), "wxs1_"))
            << name << "." << column;
      }
    }
  }
  // Two answers, four salts of refreshes, a key, a grant's two tokens.
  EXPECT_EQ(opened, 9);
  EXPECT_GT(unsealed, opened);
}

// Sealed values are bound to their rows: one that was moved does not open.
TEST_P(PgStoresTest, MovedValuesAreTampering) {
  const SignIn one = WebLogin("wx1", "o1");
  const SignIn two = WebLogin("wx1", "o2");
  MustRecord(one);
  MustRecord(two);
  const NewToken refresh = RefreshOf(one.session_token_hash);
  ASSERT_TRUE(Refresh(refresh));
  ASSERT_TRUE(Refresh(RefreshOf(two.session_token_hash)));
  for (const char* move :
       {"UPDATE oauth_grants g SET access_token = o.access_token"
        " FROM oauth_grants o WHERE o.openid <> g.openid",
        "UPDATE login_answers a SET token_salt = o.token_salt"
        " FROM login_answers o WHERE o.code_hash <> a.code_hash",
        "UPDATE sessions s SET next_salt = o.next_salt FROM sessions o"
        " WHERE o.openid <> s.openid AND o.next_salt IS NOT NULL"
        " AND s.next_salt IS NOT NULL"})
    pg().Sql(move);
  EXPECT_TRUE(HasReason(Await<std::optional<StoredGrant>>([&](auto done) {
                          harness_->grants().FindGrant(ByOpenid{"wx1", "o1"},
                                                       Soon(), std::move(done));
                        }).status(),
                        Reason::kTampered));
  EXPECT_TRUE(HasReason(Await<std::optional<StoredAnswer>>([&](auto done) {
                          harness_->identities().FindLoginAnswer(
                              "wx1", one.code_hash, Soon(), std::move(done));
                        }).status(),
                        Reason::kTampered));
  EXPECT_TRUE(HasReason(Await<std::optional<RefreshedSession>>([&](auto done) {
                          harness_->sessions().RefreshSession(
                              RefreshOf(one.session_token_hash), Soon(),
                              std::move(done));
                        }).status(),
                        Reason::kTampered));
}

// What a server of the version before leaves in the database.
TEST_P(PgStoresTest, ASessionOfAnOlderServerIsRefreshed) {
  const SignIn in = Login("wx1", "o1");
  MustRecord(in);
  pg().Sql("UPDATE sessions SET ttl = NULL");
  const NewToken refresh = RefreshOf(in.session_token_hash);
  const auto refreshed = Refresh(refresh);
  ASSERT_TRUE(refreshed.has_value());
  EXPECT_EQ(pg().Sql("SELECT ttl FROM sessions WHERE family IS NOT NULL"),
            SqlRows({{"01:00:00"}}));
  EXPECT_EQ(Revoke(in.session_token_hash), 1);
}

TEST_P(PgStoresTest, AnErasureLeavesAnEventWithoutPersonalData) {
  const std::string user_id =
      MustRecord(Login("wx1", "o1", "u1")).session.user.user_id;
  ASSERT_TRUE(Erase(ByUserId{user_id}));
  EXPECT_EQ(pg().Sql("SELECT user_id, kind, other_user_id, app_id "
                     "FROM user_events"),
            SqlRows({{user_id, "erased", std::nullopt, std::nullopt}}));
}

TEST_P(PgStoresTest, AMergeLeavesAnEventAndOneHop) {
  const std::string old_id =
      MustRecord(Login("wx1", "o1")).session.user.user_id;
  harness_->PassTime(absl::Seconds(1));
  const std::string young_id =
      MustRecord(Login("wx2", "o2", "u1")).session.user.user_id;
  MustRecord(Login("wx1", "o1", "u1"));
  const SqlRows events =
      pg().Sql("SELECT user_id, kind, other_user_id, app_id FROM user_events");
  EXPECT_EQ(events, SqlRows({{old_id, "merged", young_id, "wx1"}}));
  EXPECT_EQ(pg().Sql("SELECT user_id, merged_into FROM user_forwards"),
            SqlRows({{young_id, old_id}}));
}

TEST_P(PgStoresTest, ACutConnectionIsNotNoticed) {
  MustRecord(Login("wx1", "o1"));
  for (int i = 0; i < 5; ++i) {
    pg().Sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND usename = 'wxident_server'");
    MustRecord(Login("wx1", "o1"));
  }
}

TEST_P(PgStoresTest, ALockedTableIsUnavailableNotForEver) {
  auto connector = *MakePgConnector(SharedPostgres().server_url(), Secret());
  auto holder = *connector->Connect();
  const absl::Status held = holder->Transact([&] {
    EXPECT_TRUE(holder->Execute("LOCK TABLE users", {}).ok());
    EXPECT_TRUE(HasReason(Record(Login("wx1", "o1")).status(),
                          Reason::kStoreUnavailable));
    return absl::OkStatus();
  });
  EXPECT_TRUE(held.ok());
  MustRecord(Login("wx1", "o1"));
}

}  // namespace
}  // namespace wxident

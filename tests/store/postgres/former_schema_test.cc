// What servers of the release before have written, or write while they run
// beside: the rows are made as they made them.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/crypto/blind_index.h"
#include "server/crypto/hash.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/secret.h"
#include "server/identity/session_token.h"
#include "server/store/postgres/credential/pg_credential_store.h"
#include "server/store/postgres/keys/pg_key_store.h"
#include "server/store/postgres/keys/sealed_page.h"
#include "server/store/postgres/person/pg_identity_store.h"
#include "server/store/postgres/person/pg_profile_store.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "server/store/postgres/schema.h"
#include "server/store/postgres/session/pg_grant_store.h"
#include "server/store/postgres/session/pg_session_store.h"
#include "server/store/postgres/sql/sql_session.h"
#include "server/store/postgres/sql/sql_values.h"
#include "tests/crypto/fake_random.h"
#include "tests/store/private_postgres.h"
#include "tests/store/store_contract.h"

namespace wxident {
namespace {

constexpr char kFormerVersion[] = "20261124000000";
constexpr char kUser[] = "01a1fe32-362c-76be-9125-0b36e08d08da";
constexpr char kMergedUser[] = "01a1fe32-3c25-7193-8afc-aed24cf5873c";

// The stores of this release.
struct Stores {
  Stores(const std::string& url, KeyRing& ring, const BlindIndex& index)
      : pool(*MakePgConnector(url, Secret()), {}, SystemClock(), metrics),
        identities(pool, ring, index),
        sessions(pool, ring),
        profiles(pool, ring, index),
        credentials(pool, ring),
        grants(pool, ring),
        keys(pool, ring) {}

  Metrics metrics;
  PgPool pool;
  PgIdentityStore identities;
  PgSessionStore sessions;
  PgProfileStore profiles;
  PgCredentialStore credentials;
  PgGrantStore grants;
  PgKeyStore keys;
};

class FormerSchemaTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = PrivatePostgres::StartAt(kFormerVersion);
    ASSERT_TRUE(started.ok()) << started.status();
    postgres_ = *std::move(started);
    owner_ = *(*MakePgConnector(postgres_->url(), Secret()))->Connect();
    ring_ = *KeyRing::Create({{1, Secret(std::string(32, 'k'))}}, random_);
  }
  void Migrate() {
    const absl::Status migrated = postgres_->Migrate();
    ASSERT_TRUE(migrated.ok()) << migrated;
    stores_ = std::make_unique<Stores>(postgres_->server_url(), *ring_, index_);
  }
  void TearDown() override {
    stores_.reset();
    owner_.reset();
  }

  SqlRows Sql(const std::string& sql) {
    auto rows = owner_->Execute(sql.c_str(), {});
    EXPECT_TRUE(rows.ok()) << rows.status() << " of " << sql;
    return rows.ok() ? *std::move(rows) : SqlRows();
  }
  int64_t Count(const std::string& sql) { return NumberOf(Sql(sql).at(0)[0]); }

  // As a constant in SQL.
  static std::string Bytes(const std::string& bytes) {
    return absl::StrCat("'", BytesParameter(bytes), "'::bytea");
  }
  std::string Sealed(const std::string& text, const AssociatedData& data) {
    return Bytes(ring_->Seal(Secret(text), data));
  }

  // A token as the former release made them: of random bytes alone.
  Secret NewToken() {
    return LoginToken(NewTokenSalt(random_), Secret("of nothing"));
  }
  static std::string HashOf(const Secret& token) {
    return *SessionTokenHash(token.Expose());
  }

  // A login's first token, or one of `family`.
  void AddSession(const Secret& token, const Secret* family = nullptr) {
    Sql(absl::StrCat(
        "INSERT INTO sessions (token_hash, app_id, openid, expires_at, ttl,"
        " family) VALUES (",
        Bytes(HashOf(token)), ", 'wx1', 'o1', now() + interval '1 h',",
        " interval '1 h', ",
        family == nullptr ? std::string("NULL") : Bytes(HashOf(*family)), ")"));
  }
  // The former release's refresh: the new token is kept.
  void Replace(const Secret& token, const Secret& next,
               const std::string& overlap) {
    const std::string hash = HashOf(token);
    Sql(absl::StrCat(
        "UPDATE sessions SET replaced_at = now(), next_token = ",
        Sealed(next.Expose(), {"sessions", "next_token", {hash}}),
        ", next_expires_at = now() + interval '1 h', family_ends_at = now() +"
        " interval '1 h', expires_at = now() + interval '",
        overlap, "' WHERE token_hash = ", Bytes(hash)));
    AddSession(next, &token);
  }
  void AddAnswer(const Secret& token, const std::string& code) {
    const std::string hash = Sha256(absl::StrCat("wx1\n", code));
    Sql(
        absl::StrCat("INSERT INTO login_answers (app_id, code_hash, token_hash,"
                     " session_token, new_user) VALUES ('wx1', ",
                     Bytes(hash), ", ", Bytes(HashOf(token)), ", ",
                     Sealed(token.Expose(),
                            {"login_answers", "session_token", {"wx1", hash}}),
                     ", true)"));
  }

  // A person with everything.
  void Fill() {
    Sql(absl::StrCat("INSERT INTO users (user_id) VALUES ('", kUser, "')"));
    Sql(
        absl::StrCat("INSERT INTO user_forwards (user_id, merged_into) VALUES"
                     " ('",
                     kMergedUser, "', '", kUser, "')"));
    Sql(
        absl::StrCat("INSERT INTO user_events (user_id, kind, other_user_id)"
                     " VALUES ('",
                     kUser, "', 'merged', '", kMergedUser, "')"));
    Sql(
        absl::StrCat("INSERT INTO union_ids (open_platform_account, unionid,"
                     " user_id) VALUES ('account', 'u1', '",
                     kUser, "')"));
    for (const char* app : {"wx1", "wx2"})
      Sql(
          absl::StrCat("INSERT INTO identities (app_id, openid, user_id,"
                       " open_platform_account, unionid) VALUES ('",
                       app, "', 'o1', '", kUser, "', 'account', 'u1')"));
    const std::vector<absl::string_view> mini = {"wx1", "o1"};
    const std::vector<absl::string_view> web = {"wx2", "o1"};
    Sql(absl::StrCat(
        "INSERT INTO session_keys (app_id, openid, session_key, key_digest,"
        " exchanged_at, previous_session_key, replaced_at) VALUES ('wx1', "
        "'o1',",
        Sealed("key", {"session_keys", "session_key", mini}), ", ",
        Bytes(index_.Mac({"session_keys", "wx1", "o1", "key"})), ", now(), ",
        Sealed("former key", {"session_keys", "session_key", mini}),
        ", now())"));
    Sql(absl::StrCat(
        "INSERT INTO oauth_grants (app_id, openid, access_token,"
        " access_expires_at, refresh_token, refresh_expires_at, scope,"
        " exchanged_at) VALUES ('wx2', 'o1', ",
        Sealed("access", {"oauth_grants", "access_token", web}),
        ", now() + interval '1 h', ",
        Sealed("refresh", {"oauth_grants", "refresh_token", web}),
        ", now() + interval '30 days', 'snsapi_userinfo', now())"));
    Sql(absl::StrCat(
        "INSERT INTO phones (app_id, openid, open_platform_account,"
        " phone_number, pure_phone_number, country_code, phone_index,"
        " phone_index_key_id, watermark_at) VALUES ('wx1', 'o1', 'account', ",
        Sealed("13800138000", {"phones", "phone_number", mini}), ", ",
        Sealed("13800138000", {"phones", "pure_phone_number", mini}), ", ",
        Sealed("86", {"phones", "country_code", mini}), ", ",
        Bytes(index_.Mac({"account", "+8613800138000"})), ", 9, now())"));
    Sql("INSERT INTO profiles (app_id, openid, nickname, avatar_url, gender,"
        " language, country, province, city, source, fetched_at) VALUES"
        " ('wx1', 'o1', 'Band', '', 2, 'zh_CN', '', '', '', 1, now())");
    Sql(absl::StrCat(
        "INSERT INTO app_credentials (app_id, kind, value, generation,"
        " fetched_at, expires_at, refresh_at, fence, finished_fence,"
        " lease_attempt, leased_at, lease_until, day, fetches, forced) VALUES"
        " ('wx1', 'stable_token', ",
        Sealed("app token",
               {"app_credentials", "value", {"wx1", "stable_token"}}),
        ", 3, now(), now() + interval '2 h', now() + interval '1 h', 5, 5, ",
        Bytes(std::string(16, 'a')), ", now(), now(), current_date, 3, 0)"));
    Sql(absl::StrCat(
        "INSERT INTO key_canaries (key_id, canary) VALUES (1, ",
        Sealed("wxident key canary", {"key_canaries", "canary", {"1"}}), ")"));
  }

  template <typename T, typename Start>
  T Must(Start start) {
    absl::StatusOr<T> answer = Await<T>(std::move(start));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *std::move(answer) : T();
  }
  static Deadline Soon() {
    return Deadline::After(absl::Minutes(1), SystemClock());
  }
  std::optional<Session> FindSession(const Secret& token) {
    return Must<std::optional<Session>>([&](auto done) {
      stores_->sessions.FindSession(HashOf(token), Soon(), std::move(done));
    });
  }
  // What a token is refreshed to; "" when it is not active.
  std::string Refresh(const Secret& token) {
    const auto refreshed =
        Must<std::optional<RefreshedSession>>([&](auto done) {
          stores_->sessions.RefreshSession({.token = token,
                                            .token_hash = HashOf(token),
                                            .salt = NewTokenSalt(random_),
                                            .overlap = absl::Minutes(5),
                                            .max_age = absl::Hours(2160)},
                                           Soon(), std::move(done));
        });
    return refreshed.has_value() ? refreshed->token.Expose() : "";
  }
  // The session_keys of wx1's o1, after a login that brought this one.
  std::vector<std::string> KeysAfterLogin(const std::string& session_key) {
    SignIn in;
    in.identity = {"wx1", "o1", "u1"};
    in.open_platform_account = "account";
    in.new_user_id = kMergedUser;
    in.token_salt = NewTokenSalt(random_);
    const Secret token = LoginToken(in.token_salt, Secret("a code"));
    in.session_token_hash = HashOf(token);
    in.code_hash = random_.Bytes(32);
    in.session_ttl = absl::Hours(1);
    in.session_key = Secret(session_key);
    in.exchanged_at = SystemClock().Now() + absl::Minutes(1);
    Must<SignedIn>([&](auto done) {
      stores_->identities.RecordSignIn(in, Soon(), std::move(done));
    });
    const auto found = Must<std::optional<SessionWithKeys>>([&](auto done) {
      stores_->sessions.FindSessionWithKeys(HashOf(token), Soon(),
                                            std::move(done));
    });
    std::vector<std::string> keys;
    if (found.has_value())
      for (const Secret& key : found->session_keys)
        keys.push_back(key.Expose());
    return keys;
  }
  int Sweep() {
    return Must<int>([&](auto done) {
      stores_->sessions.Sweep(200, Soon(), std::move(done));
    });
  }
  // Tokens of the former release that stand in the database.
  int64_t KeptTokens() {
    return Count("SELECT count(*) FROM sessions WHERE next_token <> '\\x00'");
  }

  FakeRandom random_;
  const BlindIndex index_{9, Secret(std::string(32, 'i'))};
  std::unique_ptr<PrivatePostgres> postgres_;
  std::unique_ptr<SqlSession> owner_;
  std::unique_ptr<KeyRing> ring_;
  std::unique_ptr<Stores> stores_;
};

TEST_F(FormerSchemaTest, EverythingIsThereAfterTheMigration) {
  Fill();
  const Secret token = NewToken();
  AddSession(token);
  Migrate();
  auto connector = *MakePgConnector(postgres_->server_url(), Secret());
  EXPECT_TRUE(CheckSchema(*connector).ok()) << CheckSchema(*connector);

  const auto session = FindSession(token);
  ASSERT_TRUE(session.has_value());
  EXPECT_EQ(session->user.user_id, kUser);
  EXPECT_TRUE(session->user.phone_linked);
  const auto keys = Must<std::optional<SessionWithKeys>>([&](auto done) {
    stores_->sessions.FindSessionWithKeys(HashOf(token), Soon(),
                                          std::move(done));
  });
  ASSERT_EQ(keys->session_keys.size(), 2u);
  EXPECT_EQ(keys->session_keys[0].Expose(), "key");
  EXPECT_EQ(keys->session_keys[1].Expose(), "former key");

  const auto exported = Must<std::optional<ExportedUser>>([&](auto done) {
    stores_->identities.ExportUser(kMergedUser, Soon(), std::move(done));
  });
  ASSERT_TRUE(exported.has_value());
  ASSERT_EQ(exported->identities.size(), 2u);
  EXPECT_EQ(exported->identities[0].phone->phone_number.Expose(),
            "13800138000");
  EXPECT_EQ(exported->identities[0].profile->nickname, "Band");
  EXPECT_EQ(exported->identities[0].session_count, 1);

  const auto grant = Must<std::optional<StoredGrant>>([&](auto done) {
    stores_->grants.FindGrant(ByOpenid{"wx2", "o1"}, Soon(), std::move(done));
  });
  EXPECT_EQ(grant->grant->access_token.Expose(), "access");
  EXPECT_FALSE(grant->user.phone_linked);
  const auto credentials = Must<std::vector<CredentialState>>([&](auto done) {
    stores_->credentials.Read({{{"wx1", CredentialKind::kStableToken}}}, Soon(),
                              std::move(done));
  });
  EXPECT_EQ(credentials.at(0).value->Expose(), "app token");

  // And the keys of all of it can be changed.
  ring_->Replace(*KeyRing::Create({{2, Secret(std::string(32, 'l'))},
                                   {1, Secret(std::string(32, 'k'))}},
                                  random_)
                      .value());
  std::optional<KeyPosition> position = KeyPosition();
  int64_t reencrypted = 0;
  while (position.has_value()) {
    const auto batch = Must<ReencryptedBatch>([&](auto done) {
      stores_->keys.Reencrypt(*position, Soon(), std::move(done));
    });
    EXPECT_TRUE(batch.unreadable.empty());
    reencrypted += batch.reencrypted;
    position = batch.next;
  }
  // Two session_keys, a phone's three parts, a grant's two, the app's token.
  EXPECT_EQ(reencrypted, 8);
  EXPECT_EQ(Must<std::optional<Erased>>([&](auto done) {
              stores_->identities.EraseUser(ByUserId{kUser}, Soon(),
                                            std::move(done));
            })->sessions,
            1);
}

// session_keys were digested under the phone index's own key. A login that
// brings the same key as before must not take the place of the one before it.
TEST_F(FormerSchemaTest, ASessionKeyIsKnownByItsFormerDigest) {
  Fill();
  const std::string former =
      Bytes(index_.Mac({"session_keys", "wx1", "o1", "key"}));
  EXPECT_EQ(
      Count("SELECT count(*) FROM session_keys WHERE key_digest = " + former),
      1);
  Migrate();
  EXPECT_EQ(KeysAfterLogin("key"),
            std::vector<std::string>({"key", "former key"}));
  // From here on it is known by the present digest.
  EXPECT_EQ(
      Count("SELECT count(*) FROM session_keys WHERE key_digest = " + former),
      0);
  EXPECT_EQ(KeysAfterLogin("key"),
            std::vector<std::string>({"key", "former key"}));
  EXPECT_EQ(Count("SELECT count(*) FROM session_keys WHERE older_dropped"), 0);
  EXPECT_EQ(KeysAfterLogin("new key"),
            std::vector<std::string>({"new key", "key"}));
  EXPECT_EQ(Count("SELECT count(*) FROM session_keys WHERE older_dropped"), 1);
}

TEST_F(FormerSchemaTest, FamiliesGoOn) {
  Fill();
  const Secret single = NewToken();
  const Secret fresh = NewToken();
  const Secret fresh_next = NewToken();
  const Secret old = NewToken();
  const Secret old_next = NewToken();
  for (const Secret& first : {single, fresh, old}) AddSession(first);
  Replace(fresh, fresh_next, "5 min");
  Replace(old, old_next, "-1 min");
  Migrate();

  for (const Secret& token : {single, fresh, fresh_next, old_next})
    EXPECT_TRUE(FindSession(token));
  EXPECT_FALSE(FindSession(old));
  // What the former release made is given again within the overlap.
  EXPECT_EQ(Refresh(fresh), fresh_next.Expose());
  // A token of the former release is refreshed as any other.
  const std::string made = Refresh(single);
  EXPECT_FALSE(made.empty());
  EXPECT_EQ(Refresh(single), made);
  EXPECT_TRUE(FindSession(Secret(made)));
  EXPECT_FALSE(Refresh(fresh_next).empty());
  // And is known for leaked.
  EXPECT_EQ(Refresh(old), "");
  EXPECT_FALSE(FindSession(old_next));
}

TEST_F(FormerSchemaTest, KeptTokensGoWhenNobodyMayAskForThem) {
  Fill();
  const Secret fresh = NewToken();
  const Secret old = NewToken();
  for (const Secret& first : {fresh, old}) AddSession(first);
  Replace(fresh, NewToken(), "5 min");
  const Secret old_next = NewToken();
  Replace(old, old_next, "-1 min");
  AddAnswer(fresh, "code");
  Migrate();
  EXPECT_EQ(KeptTokens(), 2);
  EXPECT_EQ(Sweep(), 1);
  EXPECT_EQ(KeptTokens(), 1);
  EXPECT_TRUE(FindSession(old_next));
  Sql("UPDATE sessions SET expires_at = now() WHERE replaced_at IS NOT NULL");
  Sql("UPDATE login_answers SET created_at = now() - interval '5 min'");
  EXPECT_EQ(Sweep(), 2);
  EXPECT_EQ(KeptTokens(), 0);
  EXPECT_EQ(Count("SELECT count(*) FROM login_answers"), 0);
}

// A code is another value for another caller now: the former answers are found
// by nobody, and the code is consumed.
TEST_F(FormerSchemaTest, FormerAnswersAreNotGiven) {
  Fill();
  const Secret token = NewToken();
  AddSession(token);
  AddAnswer(token, "code");
  Migrate();
  EXPECT_FALSE(Must<std::optional<StoredAnswer>>([&](auto done) {
    stores_->identities.FindLoginAnswer("wx1", Sha256("wx1\ncode"), Soon(),
                                        std::move(done));
  }));
}

// While both releases run.
TEST_F(FormerSchemaTest, AFormerServerWorksBeside) {
  Fill();
  Migrate();
  // It writes what it wrote.
  const Secret theirs = NewToken();
  const Secret theirs_next = NewToken();
  AddSession(theirs);
  AddAnswer(theirs, "code");
  Replace(theirs, theirs_next, "5 min");
  EXPECT_EQ(Refresh(theirs), theirs_next.Expose());

  // What it finds of ours is nothing that it could take for a token: it would
  // open next_token, and answers that the value does not open.
  const Secret ours = NewToken();
  AddSession(ours);
  EXPECT_FALSE(Refresh(ours).empty());
  const std::string hash = HashOf(ours);
  const SqlRows kept =
      Sql(absl::StrCat("SELECT encode(next_token, 'hex') FROM sessions"
                       " WHERE token_hash = ",
                       Bytes(hash)));
  ASSERT_TRUE(kept.at(0)[0].has_value());
  EXPECT_FALSE(
      ring_->Open(BytesOf(kept[0][0]), {"sessions", "next_token", {hash}})
          .ok());
}

}  // namespace
}  // namespace wxident

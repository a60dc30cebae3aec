#include "tests/store/postgres_harness.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/crypto/random.h"
#include "server/store/postgres/pool/checked_connector.h"
#include "server/store/postgres/pool/pg_connector.h"
#include "server/store/postgres/sql/sql_values.h"

namespace wxident {
namespace {

std::unique_ptr<KeyRing> MakeKeyRing() {
  std::vector<KeyRing::Key> keys;
  keys.push_back({1, Secret(std::string(32, 'k'))});
  return *KeyRing::Create(std::move(keys), SystemRandom());
}

std::unique_ptr<SqlConnector> Connector(const std::string& url) {
  return *MakePgConnector(url, Secret());
}

}  // namespace

PrivatePostgres& SharedPostgres() {
  static std::unique_ptr<PrivatePostgres> shared = [] {
    auto started = PrivatePostgres::Start();
    if (!started.ok()) {
      std::cerr << started.status() << std::endl;
      std::abort();
    }
    return *std::move(started);
  }();
  return *shared;
}

PostgresHarness::PostgresHarness(PgPool::Options options,
                                 PrivatePostgres& postgres)
    : connector_(Connector(postgres.url())),
      key_ring_(MakeKeyRing()),
      index_(9, Secret(std::string(32, 'i'))),
      pool_(std::make_unique<PgPool>(
          MakeCheckedConnector(Connector(postgres.server_url())), options,
          SystemClock(), metrics_)),
      identities_(*pool_, *key_ring_, index_),
      sessions_(*pool_, *key_ring_),
      profiles_(*pool_, *key_ring_, index_),
      credentials_(*pool_, *key_ring_),
      grants_(*pool_, *key_ring_) {
  Sql("TRUNCATE users, user_forwards, union_ids, identities, sessions, "
      "session_keys, profiles, phones, app_credentials, user_events, "
      "login_answers, oauth_grants, key_canaries");
}

void PostgresHarness::PassTime(absl::Duration by) {
  const std::string older =
      absl::StrCat(" - ", ToMicros(by), " * interval '1 microsecond'");
  Sql(absl::StrCat("UPDATE users SET created_at = created_at", older));
  Sql(absl::StrCat("UPDATE sessions SET created_at = created_at", older,
                   ", expires_at = expires_at", older,
                   ", family_ends_at = family_ends_at", older,
                   ", replaced_at = replaced_at", older,
                   ", next_expires_at = next_expires_at", older));
  Sql(absl::StrCat("UPDATE login_answers SET created_at = created_at", older));
  Sql(absl::StrCat("UPDATE session_keys SET replaced_at = replaced_at", older));
  Sql(absl::StrCat(
      "UPDATE app_credentials SET fetched_at = fetched_at", older,
      ", expires_at = expires_at", older, ", refresh_at = refresh_at", older,
      ", leased_at = leased_at", older, ", lease_until = lease_until", older,
      ", pause_until = pause_until", older, ", forced_at = forced_at", older,
      ", day = day - ", absl::ToInt64Hours(by) / 24));
}

// The foreign keys say the same; this asks without them.
std::vector<std::string> PostgresHarness::Orphans() {
  std::vector<std::string> orphans;
  for (const SqlRow& row : Sql(R"sql(
    SELECT 'identity' FROM identities i
      WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.user_id = i.user_id)
    UNION ALL SELECT 'identity without unionid' FROM identities i
      WHERE i.unionid IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM union_ids n
        WHERE n.open_platform_account = i.open_platform_account
          AND n.unionid = i.unionid AND n.user_id = i.user_id)
    UNION ALL SELECT 'unionid' FROM union_ids n
      WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.user_id = n.user_id)
    UNION ALL SELECT 'unionid without identity' FROM union_ids n
      WHERE NOT EXISTS (SELECT 1 FROM identities i
                        WHERE i.user_id = n.user_id)
    UNION ALL SELECT 'user' FROM users u
      WHERE NOT EXISTS (SELECT 1 FROM identities i
                        WHERE i.user_id = u.user_id)
    UNION ALL SELECT 'forward' FROM user_forwards f
      WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.user_id = f.merged_into)
    UNION ALL SELECT 'forward of a living user' FROM user_forwards f
      WHERE EXISTS (SELECT 1 FROM users u WHERE u.user_id = f.user_id)
    UNION ALL SELECT 'forward without event' FROM user_forwards f
      WHERE NOT EXISTS (SELECT 1 FROM user_events e
                        WHERE e.kind = 'merged'
                          AND e.other_user_id = f.user_id)
    UNION ALL SELECT 'session' FROM sessions s
      WHERE NOT EXISTS (SELECT 1 FROM identities i
                        WHERE i.app_id = s.app_id AND i.openid = s.openid)
    UNION ALL SELECT 'session key' FROM session_keys k
      WHERE NOT EXISTS (SELECT 1 FROM identities i
                        WHERE i.app_id = k.app_id AND i.openid = k.openid)
    UNION ALL SELECT 'profile' FROM profiles p
      WHERE NOT EXISTS (SELECT 1 FROM identities i
                        WHERE i.app_id = p.app_id AND i.openid = p.openid)
    UNION ALL SELECT 'phone' FROM phones p
      WHERE NOT EXISTS (SELECT 1 FROM identities i
                        WHERE i.app_id = p.app_id AND i.openid = p.openid)
    UNION ALL SELECT 'grant' FROM oauth_grants g
      WHERE NOT EXISTS (SELECT 1 FROM identities i
                        WHERE i.app_id = g.app_id AND i.openid = g.openid)
    UNION ALL SELECT 'login answer' FROM login_answers a
      WHERE NOT EXISTS (SELECT 1 FROM sessions s
                        WHERE s.token_hash = a.token_hash)
    UNION ALL SELECT 'refreshed token' FROM sessions t
      WHERE t.family IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM sessions s WHERE s.token_hash = t.family)
    )sql"))
    orphans.push_back(TextOf(row[0]));
  return orphans;
}

SqlRows PostgresHarness::Sql(const std::string& sql) {
  // One new connection when a test has cut or restarted the old one.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (session_ == nullptr) {
      auto session = connector_->Connect();
      EXPECT_TRUE(session.ok()) << session.status();
      if (!session.ok()) return {};
      session_ = *std::move(session);
    }
    auto rows = session_->Execute(sql.c_str(), {});
    if (rows.ok()) return *std::move(rows);
    if (!absl::IsUnavailable(rows.status())) {
      ADD_FAILURE() << rows.status() << " of " << sql;
      return {};
    }
    session_.reset();
  }
  ADD_FAILURE() << "no connection for " << sql;
  return {};
}

}  // namespace wxident

#ifndef WXIDENT_TESTS_STORE_POSTGRES_HARNESS_H_
#define WXIDENT_TESTS_STORE_POSTGRES_HARNESS_H_

#include <memory>
#include <string>
#include <vector>

#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/crypto/blind_index.h"
#include "server/crypto/key_ring.h"
#include "server/store/postgres/credential/pg_credential_store.h"
#include "server/store/postgres/person/pg_identity_store.h"
#include "server/store/postgres/person/pg_profile_store.h"
#include "server/store/postgres/pool/pg_pool.h"
#include "server/store/postgres/session/pg_grant_store.h"
#include "server/store/postgres/session/pg_session_store.h"
#include "server/store/postgres/sql/sql_session.h"
#include "tests/store/private_postgres.h"
#include "tests/store/store_contract.h"

namespace wxident {

// The test process's cluster, started at the first call. Ends the process when
// it cannot be.
PrivatePostgres& SharedPostgres();

// The PostgreSQL stores over a database that is emptied for each harness.
class PostgresHarness final : public StoreHarness {
 public:
  explicit PostgresHarness(PgPool::Options options = {},
                           PrivatePostgres& postgres = SharedPostgres());

  IdentityStore& identities() override { return identities_; }
  SessionStore& sessions() override { return sessions_; }
  ProfileStore& profiles() override { return profiles_; }
  CredentialStore& credentials() override { return credentials_; }
  GrantStore& grants() override { return grants_; }
  Clock& clock() override { return SystemClock(); }
  void PassTime(absl::Duration by) override;
  std::vector<std::string> Orphans() override;

  // Runs a statement over a connection of the test's own.
  SqlRows Sql(const std::string& sql);
  PgPool& pool() { return *pool_; }
  Metrics& metrics() { return metrics_; }
  KeyRing& key_ring() { return *key_ring_; }
  const BlindIndex& index() const { return index_; }

 private:
  std::unique_ptr<SqlConnector> connector_;
  std::unique_ptr<SqlSession> session_;
  Metrics metrics_;
  std::unique_ptr<KeyRing> key_ring_;
  BlindIndex index_;
  std::unique_ptr<PgPool> pool_;
  PgIdentityStore identities_;
  PgSessionStore sessions_;
  PgProfileStore profiles_;
  PgCredentialStore credentials_;
  PgGrantStore grants_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_STORE_POSTGRES_HARNESS_H_

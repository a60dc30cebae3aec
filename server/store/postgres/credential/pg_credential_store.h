#ifndef WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_PG_CREDENTIAL_STORE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_PG_CREDENTIAL_STORE_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "server/crypto/aead.h"
#include "server/store/credential_store.h"
#include "server/store/postgres/credential/end_lease.h"
#include "server/store/postgres/credential/take_lease.h"
#include "server/store/postgres/pool/pg_operation.h"
#include "server/store/postgres/pool/pg_pool.h"

namespace wxident {

// app_credentials in PostgreSQL, values sealed. Needs nothing that outlives a
// statement (session state, advisory locks, notifications), so it works through
// a pooler of connections. `aead` outlives the pool.
class PgCredentialStore final : public CredentialStore {
 public:
  PgCredentialStore(PgPool& pool, Aead& aead);

  void Read(std::vector<KnownCredential> credentials, Deadline deadline,
            Done<std::vector<CredentialState>> done) override;
  void Acquire(LeaseRequest request, Deadline deadline,
               Done<LeaseAnswer> done) override;
  void CountForced(CredentialKey key, int64_t fence, absl::Duration term,
                   Deadline deadline, Done<ForcedAnswer> done) override;
  void Save(CredentialKey key, int64_t fence, int64_t known_generation,
            FetchedCredential fetched, Deadline deadline,
            Done<SaveAnswer> done) override;
  void Fail(CredentialKey key, int64_t fence, CredentialFailure failure,
            Deadline deadline, DoneStatus done) override;

 private:
  using Known = std::vector<KnownCredential>;
  using States = std::vector<CredentialState>;

  static absl::Status ReadStates(SqlSession& session,
                                 const PgItems<Known, States>& items,
                                 Aead& aead);

  PgOperation<Known, States>& read_;
  PgOperation<LeaseRequest, LeaseAnswer>& acquire_;
  PgOperation<ForcedRequest, ForcedAnswer>& count_forced_;
  PgOperation<SaveRequest, SaveAnswer>& save_;
  PgOperation<FailRequest, Nothing>& fail_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_PG_CREDENTIAL_STORE_H_

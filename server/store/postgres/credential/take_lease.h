#ifndef WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_TAKE_LEASE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_TAKE_LEASE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/crypto/aead.h"
#include "server/store/credential_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

// CredentialStore::Acquire over a batch.
absl::Status AcquireLeases(SqlSession& session,
                           const PgItems<LeaseRequest, LeaseAnswer>& items,
                           Aead& aead);

struct ForcedRequest {
  CredentialKey key;
  int64_t fence;
  absl::Duration term;
};

// CredentialStore::CountForced over a batch.
absl::Status CountForcedFetches(
    SqlSession& session,
    const PgItems<ForcedRequest, CredentialStore::ForcedAnswer>& items,
    Aead& aead);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_TAKE_LEASE_H_

#ifndef WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_END_LEASE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_END_LEASE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "server/crypto/aead.h"
#include "server/store/credential_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

struct SaveRequest {
  CredentialKey key;
  int64_t fence;
  int64_t known_generation;
  FetchedCredential fetched;
};

// CredentialStore::Save over a batch.
absl::Status SaveCredentials(SqlSession& session,
                             const PgItems<SaveRequest, SaveAnswer>& items,
                             Aead& aead);

struct FailRequest {
  CredentialKey key;
  int64_t fence;
  CredentialFailure failure;
};

// CredentialStore::Fail over a batch.
absl::Status FailLeases(SqlSession& session,
                        const PgItems<FailRequest, Nothing>& items);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_CREDENTIAL_END_LEASE_H_

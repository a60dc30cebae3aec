#ifndef WXIDENT_SERVER_STORE_POSTGRES_KEYS_REENCRYPT_VALUES_H_
#define WXIDENT_SERVER_STORE_POSTGRES_KEYS_REENCRYPT_VALUES_H_

#include "absl/status/status.h"
#include "server/crypto/key_ring.h"
#include "server/store/key_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

// KeyStore::Reencrypt, each by itself.
absl::Status ReencryptValues(
    SqlSession& session, const PgItems<KeyPosition, ReencryptedBatch>& items,
    KeyRing& key_ring);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_KEYS_REENCRYPT_VALUES_H_

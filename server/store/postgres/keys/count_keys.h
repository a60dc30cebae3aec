#ifndef WXIDENT_SERVER_STORE_POSTGRES_KEYS_COUNT_KEYS_H_
#define WXIDENT_SERVER_STORE_POSTGRES_KEYS_COUNT_KEYS_H_

#include "absl/status/status.h"
#include "server/store/key_store.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

// KeyStore::Count, each by itself.
absl::Status CountKeys(SqlSession& session,
                       const PgItems<KeyPosition, KeyCounts>& items);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_KEYS_COUNT_KEYS_H_

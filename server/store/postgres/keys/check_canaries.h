#ifndef WXIDENT_SERVER_STORE_POSTGRES_KEYS_CHECK_CANARIES_H_
#define WXIDENT_SERVER_STORE_POSTGRES_KEYS_CHECK_CANARIES_H_

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "server/crypto/key_ring.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

struct CanaryCheck {
  std::shared_ptr<KeyRing> ring;
  bool remember;
};

// KeyStore::CheckCanaries, each by itself.
absl::Status CheckCanaries(
    SqlSession& session,
    const PgItems<CanaryCheck, std::vector<uint32_t>>& items);

// KeyStore::MarkUnused, each by itself.
absl::Status MarkUnused(SqlSession& session,
                        const PgItems<std::set<uint32_t>, Nothing>& items);

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_KEYS_CHECK_CANARIES_H_

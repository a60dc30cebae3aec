#ifndef WXIDENT_SERVER_STORE_POSTGRES_KEYS_PG_KEY_STORE_H_
#define WXIDENT_SERVER_STORE_POSTGRES_KEYS_PG_KEY_STORE_H_

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "server/crypto/key_ring.h"
#include "server/store/key_store.h"
#include "server/store/postgres/keys/check_canaries.h"
#include "server/store/postgres/pool/pg_operation.h"

namespace wxident {

// KeyStore over PostgreSQL. Each operation is one job of one worker: callers'
// statements go on at the others.
class PgKeyStore final : public KeyStore {
 public:
  // Both outlive it and the pool. Values are sealed and opened by `key_ring`.
  PgKeyStore(PgPool& pool, KeyRing& key_ring);

  void CheckCanaries(std::shared_ptr<KeyRing> ring, bool remember,
                     Deadline deadline,
                     Done<std::vector<uint32_t>> done) override;
  void Count(KeyPosition from, Deadline deadline,
             Done<KeyCounts> done) override;
  void Reencrypt(KeyPosition from, Deadline deadline,
                 Done<ReencryptedBatch> done) override;
  void MarkUnused(std::set<uint32_t> used, Deadline deadline,
                  DoneStatus done) override;

 private:
  PgOperation<CanaryCheck, std::vector<uint32_t>>& check_canaries_;
  PgOperation<KeyPosition, KeyCounts>& count_;
  PgOperation<KeyPosition, ReencryptedBatch>& reencrypt_;
  PgOperation<std::set<uint32_t>, Nothing>& mark_unused_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_KEYS_PG_KEY_STORE_H_

#include "server/store/postgres/keys/pg_key_store.h"

#include <utility>

#include "server/store/postgres/keys/count_keys.h"
#include "server/store/postgres/keys/reencrypt_values.h"

namespace wxident {

PgKeyStore::PgKeyStore(PgPool& pool, KeyRing& key_ring)
    : check_canaries_(AddPgOperation<CanaryCheck, std::vector<uint32_t>>(
          pool, PgPool::Access::kWrite, "check_canaries",
          [](SqlSession& session, const auto& items) {
            return wxident::CheckCanaries(session, items);
          })),
      count_(AddPgOperation<KeyPosition, KeyCounts>(pool, PgPool::Access::kRead,
                                                    "count_keys", CountKeys)),
      reencrypt_(AddPgOperation<KeyPosition, ReencryptedBatch>(
          pool, PgPool::Access::kWrite, "reseal",
          [&key_ring](SqlSession& session, const auto& items) {
            return ReencryptValues(session, items, key_ring);
          })),
      mark_unused_(AddPgOperation<std::set<uint32_t>, Nothing>(
          pool, PgPool::Access::kWrite, "mark_keys_unused",
          [](SqlSession& session, const auto& items) {
            return wxident::MarkUnused(session, items);
          })) {}

void PgKeyStore::CheckCanaries(std::shared_ptr<KeyRing> ring, bool remember,
                               Deadline deadline,
                               Done<std::vector<uint32_t>> done) {
  check_canaries_.Submit({std::move(ring), remember}, deadline,
                         std::move(done));
}

void PgKeyStore::Count(KeyPosition from, Deadline deadline,
                       Done<KeyCounts> done) {
  count_.Submit(std::move(from), deadline, std::move(done));
}

void PgKeyStore::Reencrypt(KeyPosition from, Deadline deadline,
                           Done<ReencryptedBatch> done) {
  reencrypt_.Submit(std::move(from), deadline, std::move(done));
}

void PgKeyStore::MarkUnused(std::set<uint32_t> used, Deadline deadline,
                            DoneStatus done) {
  mark_unused_.Submit(std::move(used), deadline, WithNothing(std::move(done)));
}

}  // namespace wxident

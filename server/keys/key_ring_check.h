#ifndef WXIDENT_SERVER_KEYS_KEY_RING_CHECK_H_
#define WXIDENT_SERVER_KEYS_KEY_RING_CHECK_H_

#include <cstdint>
#include <map>
#include <memory>

#include "server/base/clock.h"
#include "server/base/done.h"
#include "server/crypto/key_ring.h"
#include "server/store/key_store.h"

namespace wxident {

// Checks whether a ring fits a database, and changes neither. Gives how many
// stored values are under each key, by its id: also under keys that the ring
// lacks, which cannot be read. `store` and `clock` outlive the check, which may
// take an hour. Fails with REQUEST_INVALID, naming the ids, if the ring holds
// another key under an id that the database knows; with STORE_UNAVAILABLE or
// DEADLINE_PASSED if the database cannot be asked.
void CheckKeyRing(KeyStore& store, std::shared_ptr<KeyRing> ring, Clock& clock,
                  Done<std::map<uint32_t, int64_t>> done);

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEYS_KEY_RING_CHECK_H_

#ifndef WXIDENT_SERVER_KEYS_KEY_COUNT_H_
#define WXIDENT_SERVER_KEYS_KEY_COUNT_H_

#include <cstdint>
#include <map>

#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/store/key_store.h"

namespace wxident {

// How many stored values are under each key, by its id, asked page by page.
// What is written meanwhile is counted or not. `store` outlives the count.
// Errors: STORE_UNAVAILABLE, DEADLINE_PASSED.
void CountKeys(KeyStore& store, Deadline deadline,
               Done<std::map<uint32_t, int64_t>> done);

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEYS_KEY_COUNT_H_

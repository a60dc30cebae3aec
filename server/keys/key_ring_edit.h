#ifndef WXIDENT_SERVER_KEYS_KEY_RING_EDIT_H_
#define WXIDENT_SERVER_KEYS_KEY_RING_EDIT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"

namespace wxident {

// Changes of a key ring's text (KeyRing::Parse); what is not changed stays as
// it is, comments too. Errors: kInvalidArgument for a text that is no ring.

struct EditedRing {
  Secret text;
  // The key that the change is about.
  uint32_t key_id;
};

// Adds a new key at the end, where it opens and does not seal. Its id is higher
// than any that the ring has had: the line "# last id N" remembers. An empty
// text gets its first key, which seals.
absl::StatusOr<EditedRing> WithNewKey(const Secret& text, Random& random);

// Moves the newest key, that of the highest id, to the top, where it seals.
absl::StatusOr<EditedRing> WithNewestFirst(const Secret& text);

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEYS_KEY_RING_EDIT_H_

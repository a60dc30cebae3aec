#ifndef WXIDENT_SERVER_STORE_POSTGRES_PERSON_SESSION_KEY_DIGEST_H_
#define WXIDENT_SERVER_STORE_POSTGRES_PERSON_SESSION_KEY_DIGEST_H_

#include <string>

#include "server/crypto/blind_index.h"
#include "server/crypto/secret.h"
#include "server/identity/types.h"

namespace wxident {

// Tells whether a login brought a new session_key without opening the stored
// one: the keyed digest of an identity's session_key, under a key of its own
// that is derived from the blind index's. Immutable and thread-safe.
class SessionKeyDigest {
 public:
  explicit SessionKeyDigest(const BlindIndex& index);

  // Returns what session_keys.key_digest holds for this session_key.
  std::string Of(const Identity& identity, const Secret& session_key) const;

  // Returns what servers wrote that digested under the index's own key. Such a
  // row is known by it until a login has replaced it.
  std::string FormerOf(const Identity& identity,
                       const Secret& session_key) const;

 private:
  BlindIndex digest_;
  BlindIndex former_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_POSTGRES_PERSON_SESSION_KEY_DIGEST_H_

#ifndef WXIDENT_SERVER_CRYPTO_KEY_RING_H_
#define WXIDENT_SERVER_CRYPTO_KEY_RING_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/crypto/aead.h"
#include "server/crypto/random.h"
#include "server/crypto/secret.h"

namespace wxident {

// AES-256-GCM under a ring of keys: the first seals, all open. The keys can be
// replaced while others seal and open: each of their calls works with the keys
// of one moment, and a lock is held for as long as it takes to copy a pointer.
// Thread-safe.
class KeyRing final : public Aead {
 public:
  struct Key {
    // Not 0, unique in the ring, and never used again for another key.
    uint32_t id;
    // 32 bytes.
    Secret bytes;
  };

  // Errors: kInvalidArgument for an empty ring, a doubled or zero id, or a key
  // that is not 32 bytes.
  static absl::StatusOr<std::unique_ptr<KeyRing>> Create(std::vector<Key> keys,
                                                         Random& random);

  // A ring file's text: one key a line, "<id> <base64 of 32 bytes>"; empty
  // lines and lines that begin with '#' do not count. Errors name the line,
  // never its content.
  static absl::StatusOr<std::vector<Key>> Parse(absl::string_view text);

  // Takes over the keys of `other`, all at one moment. Whoever can still meet
  // values under a key that goes loses them.
  void Replace(const KeyRing& other);

  // The key that Seal uses now.
  uint32_t sealing_key_id() const;
  // All keys in the ring's order, the sealing one first.
  std::vector<uint32_t> key_ids() const;

  std::string Seal(const Secret& plaintext,
                   const AssociatedData& data) override;
  absl::StatusOr<Secret> Open(absl::string_view sealed,
                              const AssociatedData& data) override;

  // Seal under any key of the ring. Errors: kNotFound.
  absl::StatusOr<std::string> SealUnder(uint32_t key_id,
                                        const Secret& plaintext,
                                        const AssociatedData& data);

 private:
  // Never empty.
  using Keys = std::vector<Key>;

  KeyRing(Keys keys, Random& random);
  std::shared_ptr<const Keys> keys() const;
  std::string Seal(const Key& key, const Secret& plaintext,
                   const AssociatedData& data) const;

  mutable std::mutex mutex_;
  std::shared_ptr<const Keys> keys_;  // guarded by mutex_
  Random& random_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_CRYPTO_KEY_RING_H_

#ifndef WXIDENT_SERVER_KEYS_KEY_RING_FILE_H_
#define WXIDENT_SERVER_KEYS_KEY_RING_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/random.h"

namespace wxident {

// The keys of a ring's file, which KeyRing::Create takes. `others` are keys for
// other things, none of which may be among them. Errors, all kInvalidArgument,
// tell what is wrong and hold neither a key nor the file's name.
absl::StatusOr<std::vector<KeyRing::Key>> ReadKeyRingFile(
    const std::string& path, const std::vector<KeyRing::Key>& others = {});

// The changes of a ring's file. A reader finds the old file or the new one
// whole, whenever this process or the machine stops; the new one is its owner's
// alone, and that of the old one's owner. Editors wait for each other. A link
// is followed. Each returns the id of the key that the change is about. Fails
// with kInvalidArgument, also for what is no ring before or after; then the
// file is as it was.

// Adds a new key at the end, see WithNewKey; makes the file if there is none.
absl::StatusOr<uint32_t> AddKeyToRingFile(const std::string& path,
                                          Random& random);

// Moves the newest key to the top, see WithNewestFirst.
absl::StatusOr<uint32_t> RotateRingFile(const std::string& path);

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEYS_KEY_RING_FILE_H_

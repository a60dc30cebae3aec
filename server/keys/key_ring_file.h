#ifndef WXIDENT_SERVER_KEYS_KEY_RING_FILE_H_
#define WXIDENT_SERVER_KEYS_KEY_RING_FILE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/crypto/key_ring.h"
#include "server/crypto/secret.h"

namespace wxident {

// The keys of a ring's file, which KeyRing::Create takes. `others` are keys for
// other things, none of which may be among them. Errors, all kInvalidArgument,
// tell what is wrong and hold neither a key nor the file's name.
absl::StatusOr<std::vector<KeyRing::Key>> ReadKeyRingFile(
    const std::string& path, const std::vector<KeyRing::Key>& others = {});

// Replaces a ring's file by what `edit` makes of its text. A reader finds the
// old file or the new one whole, whenever this process or the machine stops;
// the new one is its owner's alone, and that of the old one's owner. Editors
// wait for each other. A link is followed. With `create`, a missing file is
// like an empty one. Errors: kInvalidArgument, also for what is no ring before
// or after; then the file is as it was.
absl::Status EditKeyRingFile(
    const std::string& path, bool create,
    const std::function<absl::StatusOr<Secret>(const Secret&)>& edit);

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEYS_KEY_RING_FILE_H_

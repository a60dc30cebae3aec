#ifndef WXIDENT_SERVER_STORE_KEY_STORE_H_
#define WXIDENT_SERVER_STORE_KEY_STORE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/deadline.h"
#include "server/base/done.h"
#include "server/crypto/key_ring.h"

namespace wxident {

// A place between two values in the order in which all sealed values are gone
// through: column by column, in each by primary key. The first: {}.
struct KeyPosition {
  size_t column = 0;
  // The primary key of the last row that was seen, part by part; empty: none
  // of this column yet.
  std::vector<std::string> after;
};

// How many sealed values a part of the way holds, by the id of their key.
struct KeyCounts {
  std::map<uint32_t, int64_t> values;
  // Where to go on; nullopt: that was the end.
  std::optional<KeyPosition> next;
};

// Sealed values of one app and column that do not open, and why.
struct UnreadablePlace {
  std::string table;
  std::string column;
  std::string app_id;
  // The key that they name.
  uint32_t key_id = 0;
  // Whether the ring has that key: they were changed or moved, then.
  bool tampered = false;

  // clang-tidy 14 takes what the compiler makes of it for a 0 of ours.
  // NOLINTBEGIN(modernize-use-nullptr)
  friend auto operator<=>(const UnreadablePlace&,
                          const UnreadablePlace&) = default;
  // NOLINTEND(modernize-use-nullptr)
};

struct ReencryptedBatch {
  // The key that sealed when the batch was read: what was not under it was to
  // be sealed anew.
  uint32_t sealing_key_id = 0;
  // Values that were.
  int64_t reencrypted = 0;
  // Values that somebody else changed, or was changing, at that moment: they
  // are as they were, or newer.
  int64_t missed = 0;
  std::map<UnreadablePlace, int64_t> unreadable;
  // Where to go on; nullopt: that was the end.
  std::optional<KeyPosition> next;
};

// The keys of sealed values. What it does to a value neither changes what the
// value says nor undoes what others write at the same time, so any number of
// replicas may do the same at once, and a killed one leaves nothing half done.
// See identity_store.h for what holds of every operation.
class KeyStore {
 public:
  virtual ~KeyStore() = default;

  // Whether the keys of `ring` are those that the database knows by their ids:
  // each one opens the canary that was once sealed under it. Done gives the ids
  // that the database may have values under and `ring` lacks. With `remember`,
  // a key that has no canary gets one; of racing rings with two keys of one id,
  // one is refused. Errors: REQUEST_INVALID, naming the ids, for a ring that
  // holds another key under a known id.
  virtual void CheckCanaries(std::shared_ptr<KeyRing> ring, bool remember,
                             Deadline deadline,
                             Done<std::vector<uint32_t>> done) = 0;

  // Counts the values of the next few thousand rows.
  virtual void Count(KeyPosition from, Deadline deadline,
                     Done<KeyCounts> done) = 0;

  // Looks at the next 500 rows of a column and seals anew, under the key that
  // seals now, what is not under it. Values that do not open stay.
  virtual void Reencrypt(KeyPosition from, Deadline deadline,
                         Done<ReencryptedBatch> done) = 0;

  // Says that there are no values under any key but `used`: a ring may lack the
  // others without a word.
  virtual void MarkUnused(std::set<uint32_t> used, Deadline deadline,
                          DoneStatus done) = 0;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_STORE_KEY_STORE_H_

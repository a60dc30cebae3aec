#ifndef WXIDENT_SERVER_KEEPER_WATCHERS_H_
#define WXIDENT_SERVER_KEEPER_WATCHERS_H_

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/base/mutex.h"
#include "server/keeper/access_token.h"
#include "server/keeper/token_manager.h"

namespace wxident {

// Who watches one app's token. Each watcher is called by one thread at a time,
// with what is newest at that moment, so that none sees an older token after a
// newer one, whichever threads publish. Thread-safe.
class TokenManager::Watchers {
 public:
  using Current = std::function<std::shared_ptr<const AccessToken>()>;
  struct Entry;

  // `current` gives the token to be told, or nullptr.
  explicit Watchers(Current current) : current_(std::move(current)) {}

  // Tells the current token, if there is one. nullptr: all watches have ended,
  // and so has this.
  std::shared_ptr<Entry> Add(std::shared_ptr<Watcher> watcher);
  void Remove(const Watcher* watcher);

  // Whether `entry` has been told a token.
  bool Told(Entry& entry);
  // Tells the current token if `entry` has not been told it.
  void Tell(Entry& entry);
  void TellAll();

  // Ends one watch with an error, or all for good.
  void End(Entry& entry, const absl::Status& status);
  void EndAll();

 private:
  const Current current_;
  Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::unordered_map<const Watcher*, std::shared_ptr<Entry>> entries_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_WATCHERS_H_

#ifndef WXIDENT_SERVER_WECHAT_HOSTS_H_
#define WXIDENT_SERVER_WECHAT_HOSTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace wxident {

// Which of WeChat's hosts to ask: the first in the order of the configuration
// that is not known to be unreachable. A host that could not be reached is left
// alone for 1 s, and each further time for twice as long, up to 60 s. Then a
// single request tries it, while the others go on elsewhere; its success
// brings all back. Thread-safe.
class Hosts {
 public:
  struct Pick {
    size_t index;
    // Which state of the host the pick was made in: what a request learned of
    // an older state does not count.
    uint64_t epoch;
  };

  // `base_urls` is not empty.
  Hosts(std::vector<std::string> base_urls, Clock& clock);

  // A host not in `tried`. When all are left alone, the one whose time is up
  // first. nullopt when all were tried.
  std::optional<Pick> Choose(const std::set<size_t>& tried);

  const std::string& url(const Pick& pick) const { return urls_[pick.index]; }

  // What became of the request: no connection, or one was made.
  void Unreachable(const Pick& pick);
  void Reached(const Pick& pick);

 private:
  struct State {
    int failures = 0;
    uint64_t epoch = 0;
    // On the monotonic clock.
    absl::Duration left_alone_until = -absl::InfiniteDuration();
  };

  const std::vector<std::string> urls_;
  Clock& clock_;
  Mutex mutex_;
  std::vector<State> states_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_WECHAT_HOSTS_H_

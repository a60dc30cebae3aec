#ifndef WXIDENT_SERVER_BASE_LOG_PACE_H_
#define WXIDENT_SERVER_BASE_LOG_PACE_H_

#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace wxident {

// Lets each thing that peers do be logged once a second, however often they do
// it, and so that none hides another. Times are of one clock that never goes
// back. Thread-safe.
class LogPace {
 public:
  bool MayLog(absl::string_view what, absl::Duration now) {
    MutexLock lock(mutex_);
    // Things there is no room to tell apart are one.
    if (next_.size() >= kMost && next_.find(what) == next_.end()) what = "";
    const auto [found, is_new] = next_.emplace(what, now);
    if (now < found->second) return false;
    found->second = now + kPause;
    return true;
  }

 private:
  static constexpr absl::Duration kPause = absl::Seconds(1);
  static constexpr size_t kMost = 64;

  Mutex mutex_;
  std::map<std::string, absl::Duration, std::less<>> next_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_LOG_PACE_H_

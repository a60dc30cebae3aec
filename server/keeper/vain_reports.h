#ifndef WXIDENT_SERVER_KEEPER_VAIN_REPORTS_H_
#define WXIDENT_SERVER_KEEPER_VAIN_REPORTS_H_

#include <map>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace wxident {

// Remembers which of WeChat's endpoints refuse an app's token and the one that
// came instead: then it is not the token. Replacing tokens for such an endpoint
// would use up the day's fetches, which all others need; so its refusals are
// not reported for 5 minutes, then for twice as long each time up to an hour,
// until it takes a token. Thread-safe.
class VainReports {
 public:
  // `clock` must outlive it.
  explicit VainReports(Clock& clock) : clock_(clock) {}

  // Whether a refusal may be reported.
  bool MayReport(const std::string& app_id, absl::string_view endpoint);
  // The new token was refused as well.
  void Refused(const std::string& app_id, absl::string_view endpoint);
  void Taken(const std::string& app_id, absl::string_view endpoint);

 private:
  struct Vain {
    // In a row.
    int times = 0;
    // On Clock::Monotonic().
    absl::Duration until = -absl::InfiniteDuration();
  };

  Clock& clock_;
  Mutex mutex_;
  // By app and endpoint.
  std::map<std::pair<std::string, std::string>, Vain> vain_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_KEEPER_VAIN_REPORTS_H_

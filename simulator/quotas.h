#ifndef WXIDENT_SIMULATOR_QUOTAS_H_
#define WXIDENT_SIMULATOR_QUOTAS_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "absl/time/time.h"
#include "simulator/settings.h"

namespace wxident::simulator {

// Counts the calls of each app to each endpoint, in the current second, minute
// and day (of China). Not thread-safe.
class Quotas {
 public:
  // `settings` must outlive this.
  explicit Quotas(const Settings& settings) : settings_(settings) {}

  // Counts one call. Returns 0, or the errcode of the limit that is reached;
  // then nothing is counted.
  int Take(const std::string& app_id, const std::string& path, absl::Time now);

  // The same for the limit of one user, apart from the app's.
  int TakeForUser(const std::string& app_id, const std::string& path,
                  const std::string& user, absl::Time now);

  // The day's limit (0: none) and how much of it is used.
  struct Day {
    int64_t limit = 0;
    int64_t used = 0;
  };
  Day DayOf(const std::string& app_id, const std::string& path,
            absl::Time now) const;

  // Forgets all counts of the app's day. False when the app has done so as
  // often as it may this month.
  bool Clear(const std::string& app_id, absl::Time now);

 private:
  struct Window {
    int64_t id = 0;
    int64_t count = 0;
  };
  struct Counters {
    Window second;
    Window minute;
    Window day;
  };

  const Settings& settings_;
  std::map<std::pair<std::string, std::string>, Counters> counters_;
  // Clears of an app, in a month.
  std::map<std::string, Window> clears_;
  // The users of `users_minute_` only: nobody's count outlives its minute.
  std::map<std::tuple<std::string, std::string, std::string>, int64_t> users_;
  int64_t users_minute_ = 0;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_QUOTAS_H_

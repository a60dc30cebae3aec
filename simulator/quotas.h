#ifndef WXIDENT_SIMULATOR_QUOTAS_H_
#define WXIDENT_SIMULATOR_QUOTAS_H_

#include <cstdint>
#include <map>
#include <string>
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
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_QUOTAS_H_

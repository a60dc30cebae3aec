#include "simulator/quotas.h"

#include "simulator/errcode.h"
#include "simulator/tokens.h"

namespace wxident::simulator {

int Quotas::Take(const std::string& app_id, const std::string& path,
                 absl::Time now) {
  auto limits = settings_.quotas.find(path);
  if (limits == settings_.quotas.end()) return kOk;

  Counters& counters = counters_[{app_id, path}];
  const auto full = [](Window& window, int64_t id, int64_t limit) {
    if (window.id != id) window = {id, 0};
    return limit > 0 && window.count >= limit;
  };
  const int64_t seconds = absl::ToUnixSeconds(now);
  // The longest wait is told first: a retry in the next second would not help
  // whoever has used up the day.
  if (full(counters.day, ChinaDay(now), limits->second.per_day))
    return kDayQuota;
  if (full(counters.minute, seconds / 60, limits->second.per_minute))
    return kMinuteQuota;
  if (full(counters.second, seconds, limits->second.per_second))
    return kSecondQuota;
  ++counters.day.count;
  ++counters.minute.count;
  ++counters.second.count;
  return kOk;
}

int Quotas::TakeForUser(const std::string& app_id, const std::string& path,
                        const std::string& user, absl::Time now) {
  auto limits = settings_.quotas.find(path);
  if (limits == settings_.quotas.end() ||
      limits->second.per_minute_per_user == 0)
    return kOk;
  const int64_t minute = absl::ToUnixSeconds(now) / 60;
  if (users_minute_ != minute) users_.clear();
  users_minute_ = minute;
  int64_t& count = users_[{app_id, path, user}];
  if (count >= limits->second.per_minute_per_user) return kMinuteQuota;
  ++count;
  return kOk;
}

}  // namespace wxident::simulator

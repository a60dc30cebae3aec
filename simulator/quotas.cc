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

Quotas::Day Quotas::DayOf(const std::string& app_id, const std::string& path,
                          absl::Time now) const {
  auto limits = settings_.quotas.find(path);
  if (limits == settings_.quotas.end() || limits->second.per_day == 0)
    return {};
  Day out{limits->second.per_day, 0};
  auto counters = counters_.find({app_id, path});
  if (counters != counters_.end() && counters->second.day.id == ChinaDay(now))
    out.used = counters->second.day.count;
  return out;
}

bool Quotas::Clear(const std::string& app_id, absl::Time now) {
  const absl::CivilMonth month(
      absl::ToCivilSecond(now, absl::FixedTimeZone(8 * 60 * 60)));
  const int64_t id = month - absl::CivilMonth(1970);
  Window& clears = clears_[app_id];
  if (clears.id != id) clears = {id, 0};
  if (clears.count >= settings_.clear_quota_per_month) return false;
  ++clears.count;
  for (auto& [key, counters] : counters_)
    if (key.first == app_id) counters.day.count = 0;
  return true;
}

}  // namespace wxident::simulator

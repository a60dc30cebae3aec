#include "server/base/wall_clocks.h"

#include <string>

#include "server/base/log.h"

namespace wxident {
namespace {

constexpr absl::Duration kEvery = absl::Seconds(10);
// Times that are compared at all allow minutes; a clock that is kept by NTP is
// off by less than a second.
constexpr absl::Duration kFar = absl::Seconds(30);
constexpr absl::Duration kNearAgain = absl::Seconds(15);

constexpr const char* kNames[] = {"wechat", "database"};

void LogChange(bool off, const char* against, absl::Duration skew) {
  const std::string seconds =
      absl::FormatDuration(absl::Trunc(skew, absl::Seconds(1)));
  if (off)
    Log(LogLevel::kWarning, "clock_skew",
        {{"against", against},
         {"skew", seconds},
         {"advice", "set this machine's clock, or that one's, by NTP"}});
  else
    Log(LogLevel::kInfo, "clock_skew_over",
        {{"against", against}, {"skew", seconds}});
}

}  // namespace

WallClocks::WallClocks(Clock& clock, Metrics& metrics)
    : clock_(clock), metrics_(metrics) {}

void WallClocks::Observe(Whose whose, absl::Time theirs) {
  const auto which = static_cast<size_t>(whose);
  const absl::Duration at = clock_.Monotonic();
  const absl::Duration skew = clock_.Now() - theirs;
  bool off = false;
  {
    MutexLock lock(mutex_);
    std::optional<Seen>& seen = seen_[which];
    if (seen.has_value() && at - seen->at < kEvery) return;
    const bool was_off = seen.has_value() && seen->off;
    off = absl::AbsDuration(skew) > (was_off ? kNearAgain : kFar);
    seen = Seen{theirs, at, off};
    metrics_.Set("wxident_clock_skew_seconds", {{"against", kNames[which]}},
                 absl::ToDoubleSeconds(skew));
    if (off == was_off) return;
  }
  LogChange(off, kNames[which], skew);
}

absl::Time WallClocks::WechatTime() {
  const absl::Duration now = clock_.Monotonic();
  MutexLock lock(mutex_);
  for (const std::optional<Seen>& seen : seen_)
    if (seen.has_value()) return seen->theirs + (now - seen->at);
  return clock_.Now();
}

}  // namespace wxident

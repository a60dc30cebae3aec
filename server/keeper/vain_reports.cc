#include "server/keeper/vain_reports.h"

#include "server/base/backoff.h"
#include "server/base/log.h"

namespace wxident {
namespace {

constexpr Backoff kBackoff = {absl::Minutes(5), absl::Hours(1)};

}  // namespace

bool VainReports::MayReport(const std::string& app_id,
                            absl::string_view endpoint) {
  MutexLock lock(mutex_);
  const auto found = vain_.find({app_id, std::string(endpoint)});
  return found == vain_.end() || clock_.Monotonic() >= found->second.until;
}

void VainReports::Refused(const std::string& app_id,
                          absl::string_view endpoint) {
  const absl::Duration now = clock_.Monotonic();
  {
    MutexLock lock(mutex_);
    Vain& vain = vain_[{app_id, std::string(endpoint)}];
    // Calls that were under way together count as one.
    if (now < vain.until) return;
    vain.until = now + kBackoff.PauseAfter(vain.times++);
  }
  Log(LogLevel::kWarning, "endpoint refuses new tokens",
      {{"app_id", app_id}, {"endpoint", std::string(endpoint)}});
}

void VainReports::Taken(const std::string& app_id, absl::string_view endpoint) {
  MutexLock lock(mutex_);
  vain_.erase({app_id, std::string(endpoint)});
}

}  // namespace wxident

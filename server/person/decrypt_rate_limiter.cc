#include "server/person/decrypt_rate_limiter.h"

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"

namespace wxident {
namespace {

constexpr size_t kMostRefused = 5;
constexpr absl::Duration kWithin = absl::Minutes(1);
// About 15 MB.
constexpr size_t kMostRemembered = 100'000;

// A refreshed session keeps the time of its login.
std::string KeyOf(const Session& session) {
  return absl::StrCat(session.identity.app_id, " ", session.identity.openid,
                      " ", absl::ToUnixMicros(session.created_at));
}

}  // namespace

absl::Status DecryptRateLimiter::Begin(const Session& session) {
  std::string key = KeyOf(session);
  std::lock_guard<std::mutex> lock(mutex_);
  const absl::Duration now = clock_.Monotonic();
  Forget(now);
  Tries& tries = by_session_[std::move(key)];
  if (tries.under_way + tries.refused.size() >= kMostRefused) {
    const absl::Duration wait = tries.refused.empty()
                                    ? absl::Seconds(1)
                                    : tries.refused.front() + kWithin - now;
    return Error(Reason::kSessionRateLimited,
                 "too much encrypted data of this session was refused within a "
                 "minute; wait, or log in again, then ask WeChat for the data "
                 "again")
        .RetryAfter(wait)
        .ToStatus();
  }
  ++tries.under_way;
  return absl::OkStatus();
}

void DecryptRateLimiter::End(const Session& session, bool opened) {
  std::string key = KeyOf(session);
  std::lock_guard<std::mutex> lock(mutex_);
  const absl::Duration now = clock_.Monotonic();
  const auto found = by_session_.find(key);
  Tries& tries = found->second;
  --tries.under_way;
  if (opened) {
    if (tries.under_way == 0 && tries.refused.empty()) by_session_.erase(found);
    return;
  }
  tries.refused.push_back(now);
  refusals_.emplace_back(now, std::move(key));
  if (refusals_.size() > kMostRemembered) ForgetOldest();
}

size_t DecryptRateLimiter::size() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return by_session_.size();
}

void DecryptRateLimiter::Forget(absl::Duration now) {
  while (!refusals_.empty() && refusals_.front().first + kWithin <= now)
    ForgetOldest();
}

void DecryptRateLimiter::ForgetOldest() {
  const auto found = by_session_.find(refusals_.front().second);
  found->second.refused.pop_front();
  if (found->second.under_way == 0 && found->second.refused.empty())
    by_session_.erase(found);
  refusals_.pop_front();
}

}  // namespace wxident

#include "wxident/session_cache.h"

#include <algorithm>

namespace wxident::client {

std::optional<v1::Session> SessionCache::Find(const std::string& hash,
                                              absl::Time now) const {
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end()) return std::nullopt;
  const Entry& entry = *found->second;
  // A clock that went back makes nothing live longer.
  if (now < entry.asked || now >= entry.until) return std::nullopt;
  return entry.session;
}

void SessionCache::Remember(const std::string& hash, const v1::Session& session,
                            absl::Time asked) {
  if (const auto old = by_hash_.find(hash); old != by_hash_.end()) {
    entries_.erase(old->second);
    by_hash_.erase(old);
  }
  while (!entries_.empty() &&
         (entries_.size() >= kMost || entries_.front().until <= asked)) {
    by_hash_.erase(entries_.front().hash);
    entries_.pop_front();
  }
  absl::Time until = asked + kLife;
  if (session.has_expire_time())
    until =
        std::min(until, absl::FromUnixSeconds(session.expire_time().seconds()) +
                            absl::Nanoseconds(session.expire_time().nanos()));
  entries_.push_back({hash, session, asked, until});
  by_hash_[hash] = std::prev(entries_.end());
}

}  // namespace wxident::client

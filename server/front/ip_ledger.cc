#include "server/front/ip_ledger.h"

#include <algorithm>
#include <iterator>

namespace wxident {

std::shared_ptr<IpCounts> IpLedger::Admit(const std::string& ip,
                                          absl::Duration now) {
  std::lock_guard<std::mutex> lock(mutex_);
  Forget(now);
  Entry& entry = entries_[ip];
  entry.asked_at = now;
  if (connections_ >= kMaxConnections ||
      entry.connections >= kMaxConnectionsPerIp)
    return nullptr;
  entry.useless.Earn(entry.counts->useful.exchange(0));
  // Last: they use something up.
  if (!IsOnTime(entry, now) || !entry.useless.SpendOne(now)) return nullptr;
  ++entry.connections;
  ++connections_;
  return entry.counts;
}

void IpLedger::Leave(const std::string& ip) {
  std::lock_guard<std::mutex> lock(mutex_);
  --entries_[ip].connections;
  if (--connections_ == 0) emptied_.notify_all();
}

void IpLedger::Punish(const std::string& ip, absl::Duration now) {
  std::lock_guard<std::mutex> lock(mutex_);
  Entry& entry = entries_[ip];
  entry.asked_at = now;
  if (entry.until < now) entry.between = kLeastWhile / 2;
  entry.until = now + kProbation;
  entry.between = std::min(2 * entry.between, kMostWhile);
  entry.next = now + entry.between;
}

int IpLedger::connections() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return connections_;
}

bool IpLedger::WaitUntilEmpty(absl::Duration time) {
  std::unique_lock<std::mutex> lock(mutex_);
  return emptied_.wait_for(lock, absl::ToChronoMilliseconds(time),
                           [this] { return connections_ == 0; });
}

bool IpLedger::IsOnTime(Entry& entry, absl::Duration now) {
  if (entry.until < now) return true;
  if (now < entry.next) return false;
  entry.next = now + entry.between;
  return true;
}

void IpLedger::Forget(absl::Duration now) {
  if (now - forgot_at_ < kMemory) return;
  forgot_at_ = now;
  for (auto found = entries_.begin(); found != entries_.end();) {
    const Entry& entry = found->second;
    found = entry.connections == 0 && now - entry.asked_at > kMemory
                ? entries_.erase(found)
                : std::next(found);
  }
}

}  // namespace wxident

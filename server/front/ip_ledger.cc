#include "server/front/ip_ledger.h"

#include <algorithm>
#include <iterator>

namespace wxident {

IpLedger::Count IpLedger::Admit(const std::string& ip, absl::Duration now) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (connections_ >= kMaxConnections) return nullptr;
  const auto known = entries_.find(ip);
  if (known != entries_.end() &&
      known->second.connections >= kMaxConnectionsPerIp)
    return nullptr;
  // Last: it uses up the turn.
  if (!IsOnTime(ip, now)) return nullptr;
  Entry& entry = entries_[ip];
  ++entry.connections;
  ++connections_;
  return entry.count;
}

void IpLedger::Leave(const std::string& ip) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = entries_.find(ip);
  if (--found->second.connections == 0) entries_.erase(found);
  if (--connections_ == 0) emptied_.notify_all();
}

void IpLedger::Punish(const std::string& ip, absl::Duration now) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto found = probations_.begin(); found != probations_.end();)
    found =
        found->second.until < now ? probations_.erase(found) : std::next(found);
  Probation& probation = probations_[ip];
  probation.until = now + kProbation;
  probation.between = std::min(2 * probation.between, kMostWhile);
  probation.next = now + probation.between;
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

bool IpLedger::IsOnTime(const std::string& ip, absl::Duration now) {
  const auto found = probations_.find(ip);
  if (found == probations_.end() || found->second.until < now) return true;
  Probation& probation = found->second;
  if (now < probation.next) return false;
  probation.next = now + probation.between;
  return true;
}

}  // namespace wxident

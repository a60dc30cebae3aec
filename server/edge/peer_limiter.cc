#include "server/edge/peer_limiter.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/edge/ip_key.h"

namespace wxident {
namespace {

// Of the IPs that there is no room to tell apart.
constexpr char kOthers[] = "others";

}  // namespace

std::shared_ptr<PeerShare> PeerLimiter::Admit(const std::string& ip,
                                              absl::Duration now,
                                              absl::string_view* why) {
  std::lock_guard<std::mutex> lock(mutex_);
  Forget(now);
  Entry& entry = EntryOf(ip);
  entry.asked_at = now;
  const absl::string_view reached = Spend(entry, now);
  if (why != nullptr) *why = reached;
  if (!reached.empty()) return nullptr;
  ++entry.connections;
  ++connections_;
  return entry.share;
}

absl::string_view PeerLimiter::Spend(Entry& entry, absl::Duration now) const {
  if (connections_ >= limits_.connections) return "too many connections";
  if (entry.connections >= limits_.connections_of_an_ip)
    return "too many connections of its IP";
  entry.unproductive.Earn(entry.share->useful.exchange(0));
  // Last: they use something up.
  if (!IsOnTime(entry, now)) return "a connection of its IP was cut";
  if (!entry.unproductive.SpendOne(now))
    return "too many connections of its IP without a call";
  return "";
}

void PeerLimiter::Leave(const PeerShare& share) {
  std::lock_guard<std::mutex> lock(mutex_);
  --entries_.at(share.key).connections;
  if (--connections_ == 0) emptied_.notify_all();
}

void PeerLimiter::Penalize(const PeerShare& share, absl::Duration now) {
  std::lock_guard<std::mutex> lock(mutex_);
  Entry& entry = entries_.at(share.key);
  entry.asked_at = now;
  if (entry.until < now) entry.backoff = kLeastBackoff / 2;
  entry.until = now + limits_.penalty;
  entry.backoff = std::min(2 * entry.backoff, kMostBackoff);
  entry.next = now + entry.backoff;
}

int PeerLimiter::connections() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return connections_;
}

bool PeerLimiter::WaitUntilEmpty(absl::Duration time) {
  std::unique_lock<std::mutex> lock(mutex_);
  return emptied_.wait_for(lock, absl::ToChronoMilliseconds(time),
                           [this] { return connections_ == 0; });
}

PeerLimiter::Entry& PeerLimiter::EntryOf(const std::string& ip) {
  std::string key = IpKey(ip);
  if (entries_.size() >= limits_.ips && entries_.count(key) == 0) key = kOthers;
  const auto found = entries_.find(key);
  if (found != entries_.end()) return found->second;
  Entry entry{.share = std::shared_ptr<PeerShare>(new PeerShare{key}),
              .unproductive = TokenBucket(limits_.unproductive)};
  return entries_.emplace(std::move(key), std::move(entry)).first->second;
}

bool PeerLimiter::IsOnTime(Entry& entry, absl::Duration now) {
  if (entry.until < now) return true;
  if (now < entry.next) return false;
  entry.next = now + entry.backoff;
  return true;
}

void PeerLimiter::Forget(absl::Duration now) {
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

#include "server/edge/peer_limiter.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/backoff.h"
#include "server/edge/ip_key.h"

namespace wxident {
namespace {

// Of those that there is no room to tell apart.
constexpr char kOthers[] = "others";
constexpr char kTooMany[] = "too many connections";

constexpr Backoff kBackoff = {PeerLimiter::kLeastBackoff,
                              PeerLimiter::kMostBackoff};

}  // namespace

std::shared_ptr<PeerShare> PeerLimiter::Admit(const std::string& ip,
                                              absl::Duration now,
                                              absl::string_view* why) {
  std::lock_guard<std::mutex> lock(mutex_);
  Forget(now);
  return Admit(EntryOf(IpKey(ip), false), now, why);
}

std::shared_ptr<PeerShare> PeerLimiter::AdmitBalancer(const std::string& ip,
                                                      absl::Duration now,
                                                      absl::string_view* why) {
  std::lock_guard<std::mutex> lock(mutex_);
  Forget(now);
  return AdmitTrusted(EntryOf(IpKey(ip), false), now, why);
}

std::shared_ptr<PeerShare> PeerLimiter::Forward(const PeerShare& balancer,
                                                const std::string& ip,
                                                absl::Duration now,
                                                absl::string_view* why) {
  std::lock_guard<std::mutex> lock(mutex_);
  Remove(balancer);
  return Admit(EntryOf(IpKey(ip), false), now, why);
}

std::shared_ptr<PeerShare> PeerLimiter::Prove(PeerShare& ip,
                                              const std::string& name,
                                              bool is_proxy, absl::Duration now,
                                              absl::string_view* why) {
  std::lock_guard<std::mutex> lock(mutex_);
  Remove(ip);
  Entry& entry = EntryOf(absl::StrCat(name, " ", ip.key), true);
  auto share =
      is_proxy ? AdmitTrusted(entry, now, why) : Admit(entry, now, why);
  if (share != nullptr) ++ip.useful;
  return share;
}

absl::string_view PeerLimiter::Spend(Entry& entry, absl::Duration now) const {
  if (connections_ >= limits_.connections) return kTooMany;
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
  Remove(share);
}

void PeerLimiter::Penalize(const PeerShare& share, absl::Duration now) {
  std::lock_guard<std::mutex> lock(mutex_);
  Entry& entry = EntryOf(share);
  entry.asked_at = now;
  if (entry.until < now) entry.violations = 0;
  entry.until = now + limits_.penalty;
  entry.backoff = kBackoff.PauseAfter(entry.violations++);
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

std::shared_ptr<PeerShare> PeerLimiter::Admit(Entry& entry, absl::Duration now,
                                              absl::string_view* why) {
  entry.asked_at = now;
  const absl::string_view reached = Spend(entry, now);
  if (why != nullptr) *why = reached;
  return reached.empty() ? Add(entry) : nullptr;
}

std::shared_ptr<PeerShare> PeerLimiter::AdmitTrusted(Entry& entry,
                                                     absl::Duration now,
                                                     absl::string_view* why) {
  entry.asked_at = now;
  if (connections_ < limits_.connections) return Add(entry);
  if (why != nullptr) *why = kTooMany;
  return nullptr;
}

std::shared_ptr<PeerShare> PeerLimiter::Add(Entry& entry) {
  ++entry.connections;
  ++connections_;
  return entry.share;
}

void PeerLimiter::Remove(const PeerShare& share) {
  --EntryOf(share).connections;
  if (--connections_ == 0) emptied_.notify_all();
}

PeerLimiter::Entry& PeerLimiter::EntryOf(std::string key, bool proven) {
  Entries& entries = proven ? proven_ : strangers_;
  if (entries.size() >= limits_.ips && entries.count(key) == 0) key = kOthers;
  const auto found = entries.find(key);
  if (found != entries.end()) return found->second;
  Entry entry{.share = std::shared_ptr<PeerShare>(new PeerShare{key, proven}),
              .unproductive = TokenBucket(limits_.unproductive)};
  return entries.emplace(std::move(key), std::move(entry)).first->second;
}

PeerLimiter::Entry& PeerLimiter::EntryOf(const PeerShare& share) {
  return (share.proven ? proven_ : strangers_).at(share.key);
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
  Forget(strangers_, now);
  Forget(proven_, now);
}

void PeerLimiter::Forget(Entries& entries, absl::Duration now) {
  for (auto found = entries.begin(); found != entries.end();) {
    const Entry& entry = found->second;
    found = entry.connections == 0 && now - entry.asked_at > kMemory
                ? entries.erase(found)
                : std::next(found);
  }
}

}  // namespace wxident

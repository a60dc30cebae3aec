#ifndef WXIDENT_SERVER_EDGE_PEER_LIMITER_H_
#define WXIDENT_SERVER_EDGE_PEER_LIMITER_H_

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/token_bucket.h"
#include "server/edge/peer_share.h"

namespace wxident {

// How many connections there are, of which peer, and which peers have lost one
// for what it did. A peer is an IP; and once a connection has proven whose it
// is, it counts with those of that name and IP alone. So of the callers behind
// one IP none pays for another, and of those that run a caller's certificate on
// many machines no machine for another. Of IPv6, the addresses of one /64 are
// one IP, for one host has them all. Times are of one clock that never goes
// back. Thread-safe.
class PeerLimiter {
 public:
  // Bounds that keep one peer, or all, from using up the process.
  struct Limits {
    int connections = 16'384;
    // Also of a name at one IP.
    int connections_of_an_ip = 256;
    // IPs that are told apart; the others count as one. The same of names.
    size_t ips = 65'536;
    // For so long after one of its connections was closed for a violation, a
    // peer gets one new connection each backoff, the first of them a backoff
    // after the violation. Each further violation doubles the backoff.
    absl::Duration penalty = absl::Seconds(10);
    // Connections of a peer on which no call has been answered: each costs a
    // handshake.
    TokenBucket::Terms unproductive = {64, 64, 10};
  };
  static constexpr absl::Duration kLeastBackoff = absl::Milliseconds(250);
  static constexpr absl::Duration kMostBackoff = absl::Seconds(8);

  explicit PeerLimiter(const Limits& limits) : limits_(limits) {}

  // One more connection of `ip`, to be followed by Leave: what it holds
  // together with the others. nullptr: it may have none now, and `why`, if
  // given, tells which bound it has reached; so below.
  std::shared_ptr<PeerShare> Admit(const std::string& ip, absl::Duration now,
                                   absl::string_view* why = nullptr);
  // The same of a balancer, which is not bounded by itself, for what others do
  // comes from it.
  std::shared_ptr<PeerShare> AdmitBalancer(const std::string& ip,
                                           absl::Duration now,
                                           absl::string_view* why = nullptr);
  // A balancer's connection turns out to be one of `ip`: as Leave and Admit.
  std::shared_ptr<PeerShare> Forward(const PeerShare& balancer,
                                     const std::string& ip, absl::Duration now,
                                     absl::string_view* why = nullptr);
  // An IP's connection has proven to be `name`'s: it leaves the IP and counts
  // with those of `name` and the IP. The handshake is the IP's cost only if it
  // may have none, which nullptr tells. The name of a proxy is bounded as a
  // balancer is.
  std::shared_ptr<PeerShare> Prove(PeerShare& ip, const std::string& name,
                                   bool is_proxy, absl::Duration now,
                                   absl::string_view* why = nullptr);
  void Leave(const PeerShare& share);
  // A connection of these was closed for a violation; before it leaves.
  void Penalize(const PeerShare& share, absl::Duration now);

  int connections() const;
  // Whether all have left, at the latest after `time`.
  bool WaitUntilEmpty(absl::Duration time);

 private:
  // What is kept of a peer that nothing has been heard of.
  static constexpr absl::Duration kMemory = absl::Seconds(60);

  struct Entry {
    int connections = 0;
    std::shared_ptr<PeerShare> share;
    TokenBucket unproductive;
    absl::Duration asked_at;
    // Until when the penalty lasts, for how many violations, the time between
    // connections, and when the next may come.
    absl::Duration until = -absl::InfiniteDuration();
    int violations = 0;
    absl::Duration backoff = kLeastBackoff;
    absl::Duration next;
  };

  using Entries = std::map<std::string, Entry>;

  // All of these with mutex_ held.
  std::shared_ptr<PeerShare> Admit(Entry& entry, absl::Duration now,
                                   absl::string_view* why);
  // By the bound of all alone.
  std::shared_ptr<PeerShare> AdmitTrusted(Entry& entry, absl::Duration now,
                                          absl::string_view* why);
  std::shared_ptr<PeerShare> Add(Entry& entry);
  void Remove(const PeerShare& share);
  // Makes one if there is room.
  Entry& EntryOf(std::string key, bool proven);
  Entry& EntryOf(const PeerShare& share);
  // Uses up what one connection does. "", or the bound that it reaches.
  absl::string_view Spend(Entry& entry, absl::Duration now) const;
  static bool IsOnTime(Entry& entry, absl::Duration now);
  void Forget(absl::Duration now);
  static void Forget(Entries& entries, absl::Duration now);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  int connections_ = 0;
  // IPs, and those who have proven who they are: strangers cannot use up the
  // room of these.
  Entries strangers_;
  Entries proven_;
  absl::Duration forgot_at_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_PEER_LIMITER_H_

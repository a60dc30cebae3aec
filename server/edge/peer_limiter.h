#ifndef WXIDENT_SERVER_EDGE_PEER_LIMITER_H_
#define WXIDENT_SERVER_EDGE_PEER_LIMITER_H_

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/edge/peer_share.h"
#include "server/edge/token_bucket.h"

namespace wxident {

// How many connections there are, of which IP, and which IPs have lost one for
// what it did. Of IPv6, the addresses of one /64 are one IP, for one host has
// them all. Times are of one clock that never goes back. Thread-safe.
class PeerLimiter {
 public:
  // Bounds that keep one peer, or all, from using up the process.
  struct Limits {
    int connections = 16'384;
    int connections_of_an_ip = 256;
    // IPs that are told apart; the others count as one.
    size_t ips = 65'536;
    // For so long after one of its connections was closed for a violation, an
    // IP gets one new connection each backoff, the first of them a backoff
    // after the violation. Each further violation doubles the backoff.
    absl::Duration penalty = absl::Seconds(10);
    // Connections of an IP on which no call has been answered: each costs a
    // handshake.
    TokenBucket::Terms unproductive = {64, 64, 10};
  };
  static constexpr absl::Duration kLeastBackoff = absl::Milliseconds(250);
  static constexpr absl::Duration kMostBackoff = absl::Seconds(8);

  explicit PeerLimiter(const Limits& limits) : limits_(limits) {}

  // One more connection of `ip`, to be followed by Leave: what it holds
  // together with the others. nullptr: it may have none now, and `why`, if
  // given, tells which bound it has reached.
  std::shared_ptr<PeerShare> Admit(const std::string& ip, absl::Duration now,
                                   absl::string_view* why = nullptr);
  void Leave(const PeerShare& share);
  // A connection of these was closed for a violation; before it leaves.
  void Penalize(const PeerShare& share, absl::Duration now);

  int connections() const;
  // Whether all have left, at the latest after `time`.
  bool WaitUntilEmpty(absl::Duration time);

 private:
  // What is kept of an IP that nothing has been heard of.
  static constexpr absl::Duration kMemory = absl::Seconds(60);

  struct Entry {
    int connections = 0;
    std::shared_ptr<PeerShare> share;
    TokenBucket unproductive;
    absl::Duration asked_at;
    // Until when the penalty lasts, the time between connections, and when the
    // next may come.
    absl::Duration until = -absl::InfiniteDuration();
    absl::Duration backoff = kLeastBackoff / 2;
    absl::Duration next;
  };

  Entry& EntryOf(const std::string& ip);
  // Uses up what one connection does. "", or the bound that it reaches.
  absl::string_view Spend(Entry& entry, absl::Duration now) const;
  static bool IsOnTime(Entry& entry, absl::Duration now);
  void Forget(absl::Duration now);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  int connections_ = 0;
  std::map<std::string, Entry> entries_;
  absl::Duration forgot_at_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_PEER_LIMITER_H_

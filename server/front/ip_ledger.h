#ifndef WXIDENT_SERVER_FRONT_IP_LEDGER_H_
#define WXIDENT_SERVER_FRONT_IP_LEDGER_H_

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/time/time.h"
#include "server/edge/token_bucket.h"
#include "server/front/http2_screen.h"

namespace wxident {

// How many connections there are, of which IP, and which of these have lost
// one for what they did. Times are of one clock that never goes back.
// Thread-safe.
class IpLedger {
 public:
  // Bounds that keep one peer, or all, from using up the process.
  static constexpr int kMaxConnections = 4096;
  static constexpr int kMaxConnectionsPerIp = 256;
  // For so long after one of its connections was cut, an IP is on probation: it
  // gets one new connection each while, the first of them a while after the
  // cut. Each further cut doubles the while.
  static constexpr absl::Duration kProbation = absl::Seconds(10);
  static constexpr absl::Duration kLeastWhile = absl::Milliseconds(250);
  static constexpr absl::Duration kMostWhile = absl::Seconds(8);

  // Connections of an IP on which no call has been answered. One that has
  // calls costs nothing; for others, gRPC makes and clears away what takes it
  // half a millisecond.
  static constexpr TokenBucket::Terms kUseless = {64, 64, 10};

  // One more connection of `ip`, to be followed by Leave: what it counts
  // together with the others. Or nullptr: it may have none now.
  std::shared_ptr<IpCounts> Admit(const std::string& ip, absl::Duration now);
  void Leave(const std::string& ip);
  // A connection of `ip` was cut.
  void Punish(const std::string& ip, absl::Duration now);

  int connections() const;
  // Whether all have left, at the latest after `time`.
  bool WaitUntilEmpty(absl::Duration time);

 private:
  // What is kept of an IP that nothing has been heard of.
  static constexpr absl::Duration kMemory = absl::Seconds(60);

  struct Entry {
    int connections = 0;
    std::shared_ptr<IpCounts> counts = std::make_shared<IpCounts>();
    TokenBucket useless{kUseless};
    absl::Duration asked_at;
    // Probation: until when, between connections, and when the next may come.
    absl::Duration until = -absl::InfiniteDuration();
    absl::Duration between = kLeastWhile / 2;
    absl::Duration next;
  };

  static bool IsOnTime(Entry& entry, absl::Duration now);
  void Forget(absl::Duration now);

  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  int connections_ = 0;
  std::map<std::string, Entry> entries_;
  absl::Duration forgot_at_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_FRONT_IP_LEDGER_H_

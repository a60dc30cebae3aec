#ifndef WXIDENT_SERVER_FRONT_IP_LEDGER_H_
#define WXIDENT_SERVER_FRONT_IP_LEDGER_H_

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/time/time.h"

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

  // What the connections of one IP count together.
  using Count = std::shared_ptr<std::atomic<int>>;

  // One more connection of `ip`, to be followed by Leave; or nullptr: it may
  // have none now.
  Count Admit(const std::string& ip, absl::Duration now);
  void Leave(const std::string& ip);
  // A connection of `ip` was cut.
  void Punish(const std::string& ip, absl::Duration now);

  int connections() const;
  // Whether all have left, at the latest after `time`.
  bool WaitUntilEmpty(absl::Duration time);

 private:
  struct Entry {
    int connections = 0;
    Count count = std::make_shared<std::atomic<int>>(0);
  };
  struct Probation {
    absl::Duration until;
    absl::Duration between = kLeastWhile / 2;
    // When its next connection may come.
    absl::Duration next;
  };

  bool IsOnTime(const std::string& ip, absl::Duration now);

  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  int connections_ = 0;
  std::map<std::string, Entry> entries_;
  std::map<std::string, Probation> probations_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_FRONT_IP_LEDGER_H_

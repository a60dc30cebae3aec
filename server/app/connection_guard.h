#ifndef WXIDENT_SERVER_APP_CONNECTION_GUARD_H_
#define WXIDENT_SERVER_APP_CONNECTION_GUARD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"

namespace wxident {

// The calls of one connection, counted by gRPC's threads (see call_counter.h).
struct CallCounts {
  // Not closed by the peer, or not ended by the handler.
  std::atomic<int64_t> running{0};
  // Of those, what ends within seconds by its deadline: no streams.
  std::atomic<int64_t> running_unary{0};
  // Of those, streams on which the server has sent something.
  std::atomic<int64_t> running_answered{0};
  // Ended, after the server had worked for them.
  std::atomic<int64_t> served{0};
  // Ended by the peer before the server could do anything.
  std::atomic<int64_t> wasted{0};
};

// Tells from a connection's traffic and calls whether its peer works with us or
// only makes us work. One thread.
class ConnectionAccount {
 public:
  // Bytes that gRPC may have read of a connection beyond what its calls
  // explain. An honest peer owes only what has been read and is not yet a call,
  // for the moment until it is: 16 of the largest calls, 64 KiB each, whose
  // parts come in turns, may owe so much; 256 calls, the most at once, of the
  // usual 200 bytes owe 50 KiB. To a peer that sends nothing but cost it is a
  // tenth of a second or two.
  static constexpr int64_t kMaxOwedBytes = 1 << 20;
  // The same for kLong on end. What HPACK cannot yet decode gRPC 1.51 decodes
  // anew with every frame, so that its time grows as the square: 100 bytes a
  // frame, these cost it a tenth of a second, and 1 MiB costs ten. An honest
  // peer's calls become whole sooner.
  static constexpr int64_t kMaxOwedBytesForLong = 128 << 10;
  static constexpr absl::Duration kLong = absl::Milliseconds(500);
  // The same at two looks in a row, while memory is short. A stream that is
  // opened and left so costs a peer 15 bytes, and gRPC 1.51 12 KB of memory, 20
  // KB when it is cleared away: these are 550 streams, 11 MB.
  static constexpr int64_t kMaxOwedBytesInNeed = 8 << 10;
  // The same for a peer that is known: so many of its calls were served on this
  // connection. 256 calls, the most at once, owe less as long as they are usual
  // ones, however long a busy server lets them wait until they count as calls.
  static constexpr int64_t kMaxOwedBytesInNeedOfKnown = 96 << 10;
  static constexpr int64_t kCallsToBeKnown = 10;
  // What a call explains: the largest message and metadata.
  static constexpr int64_t kBytesOfACall = (64 + 8) << 10;
  // What a stream explains from its first answer until its end: some 400 bytes
  // that asked for it, and 60 for each answer, by which the peer acknowledges
  // it and opens its windows again. Answers are rare.
  static constexpr int64_t kBytesOfAStream = 1 << 10;
  // What needs no call: pings, window updates, acknowledgements.
  static constexpr int64_t kFreeBytesPerSecond = 128;
  // Twice max_concurrent_streams: a peer may have cancelled all its calls,
  // which still run, and begun as many again. One that never acknowledges our
  // settings is not bound by max_concurrent_streams, and one that resets its
  // calls fast gets there within a moment.
  static constexpr int64_t kMaxRunningCalls = 512;
  // Looked at whenever so many calls have ended.
  static constexpr int64_t kCallsToJudge = 500;

  // Called again and again, `passed` after the last time. `bytes_read` is the
  // connection's total. Returns why it is to be cut, or "".
  absl::string_view Judge(int64_t bytes_read, const CallCounts& calls,
                          absl::Duration passed, bool memory_is_short);

  int64_t owed_bytes() const { return owed_; }

 private:
  int64_t owed_ = 0;
  // For how long more than kMaxOwedBytesForLong.
  absl::Duration owed_for_;
  // What it owes but for running calls.
  int64_t unexplained_ = 0;
  // Free bytes that are not whole yet, a second standing for a byte.
  absl::Duration free_;
  int64_t bytes_seen_ = 0;
  int64_t explained_calls_ = 0;
  int64_t judged_served_ = 0;
  int64_t judged_wasted_ = 0;
};

// Watches one listener's connections and cuts those that only cost: HTTP/2
// offers a peer many ways to make gRPC 1.51 work and store without ever
// finishing a call, and the library bounds few of them. It looks from outside,
// at the kernel's count of bytes and the calls that came of them, because the
// library tells nothing of its frames; see SECURITY.md for what that cannot
// see.
class ConnectionGuard {
 public:
  // gRPC opens some 1,000 streams in the least of these. The more connections
  // there are, the rarer are looks: they take some 2 % of a core at most.
  static constexpr absl::Duration kLeastInterval = absl::Milliseconds(20);
  static constexpr absl::Duration kLeastIntervalInNeed = absl::Milliseconds(5);
  static constexpr absl::Duration kIntervalPerConnection =
      absl::Microseconds(40);
  // Memory is short when the process has so much more than usual. What is usual
  // follows slowly what the process has: no attack is that slow, and no honest
  // load that fast.
  static constexpr int64_t kMemoryOfNeed = 48 << 20;
  static constexpr int64_t kUsualMemoryPerSecond = 1 << 20;
  // The C library keeps what a cut connection had, in pieces that the next one
  // may not fit in, which adds up from attack to attack. It is given back so
  // often while memory is short.
  static constexpr absl::Duration kBetweenGivingBack = absl::Seconds(2);
  // For so long after one of its connections was cut, an IP is on probation: it
  // gets one new connection each while, for gRPC needs longer to clear away a
  // cut one than a peer to make the next. Each further cut doubles the while.
  static constexpr absl::Duration kProbation = absl::Seconds(10);
  static constexpr absl::Duration kLeastWhile = absl::Milliseconds(250);
  static constexpr absl::Duration kMostWhile = absl::Seconds(8);

  // `memory` tells how many bytes the process has.
  ConnectionGuard(std::string addr, Metrics& metrics,
                  std::function<int64_t()> memory = ResidentBytes);

  // `fd` stays the caller's, open until Remove, and names the connection.
  // These and Look: one thread.
  void Add(int fd, const std::string& ip, int port);
  // Whether a connection that `ip` wants to make now may be had.
  bool Admits(const std::string& ip, absl::Time now);
  void Remove(int fd);
  // Cuts what is to be cut, and tells when to call this again.
  absl::Duration Look(absl::Time now);

  // The counts of the connection that gRPC calls `peer` ("ipv4:10.0.0.7:1234",
  // "ipv6:%5B::1%5D:1234"). Of one that is not known, some that nobody reads.
  // Any thread.
  std::shared_ptr<CallCounts> CountsOf(absl::string_view peer);

  // Of this process, as the kernel counts it.
  static int64_t ResidentBytes();

 private:
  struct Connection {
    std::string ip;
    std::string name;
    std::shared_ptr<CallCounts> calls;
    ConnectionAccount account;
    bool cut = false;
  };
  struct Probation {
    absl::Time until;
    absl::Duration between = kLeastWhile / 2;
    // When its next connection may come.
    absl::Time next = absl::InfinitePast();
  };

  bool IsMemoryShort(absl::Duration passed);
  void Cut(int fd, Connection& connection, absl::string_view why,
           absl::Time now);

  const std::string addr_;
  Metrics& metrics_;
  std::map<int, Connection> connections_;
  std::map<std::string, Probation> probations_;  // by IP
  absl::Time looked_at_ = absl::InfinitePast();
  // Whether something was cut since memory was last given back, and when it
  // was.
  bool give_back_ = false;
  const std::function<int64_t()> memory_;
  int64_t usual_memory_;
  absl::Time gave_back_at_ = absl::InfinitePast();
  absl::Time logged_at_ = absl::InfinitePast();
  std::mutex mutex_;
  // By "ip port".
  std::unordered_map<std::string, std::shared_ptr<CallCounts>> by_name_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_CONNECTION_GUARD_H_

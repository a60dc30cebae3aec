#ifndef WXIDENT_SERVER_APP_CONNECTION_GUARD_H_
#define WXIDENT_SERVER_APP_CONNECTION_GUARD_H_

#include <atomic>
#include <cstdint>
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
  std::atomic<int64_t> running{0};
  // Of those, what ends within seconds by its deadline: no streams.
  std::atomic<int64_t> running_unary{0};
  // Ended, after the server had worked for them.
  std::atomic<int64_t> served{0};
  // Ended by the peer before the server could do anything.
  std::atomic<int64_t> wasted{0};
};

// Tells from a connection's traffic and calls whether its peer works with us or
// only makes us work. One thread.
class ConnectionAccount {
 public:
  // Bytes that a connection may have sent beyond what its calls explain. gRPC
  // 1.51 holds about 10 KB of memory for the 45 bytes of a stream that is
  // opened and reset, so this is what one connection can make of it before it
  // is cut: some 23,000 streams, 230 MB at the very worst. Honest peers stay
  // far below: what counts is only what was sent and has not yet become a call,
  // and 256 calls, the most at once, of the usual 1 KB are a quarter of it.
  static constexpr int64_t kMaxOwedBytes = 1 << 20;
  // What a call explains: the largest message and metadata.
  static constexpr int64_t kBytesOfACall = (64 + 8) << 10;
  // What needs no call: pings, window updates, acknowledgements.
  static constexpr int64_t kFreeBytesPerSecond = 128;
  // Twice max_concurrent_streams: a peer may have cancelled all its calls, which
  // still run, and begun as many again. One that never acknowledges our settings
  // is not bound by max_concurrent_streams, and one that resets its calls fast
  // gets there within a moment.
  static constexpr int64_t kMaxRunningCalls = 512;
  // Looked at whenever so many calls have ended.
  static constexpr int64_t kCallsToJudge = 500;

  // Called again and again, `passed` after the last time. `bytes_received` is
  // the connection's total. Returns why it is to be cut, or "".
  absl::string_view Judge(int64_t bytes_received, const CallCounts& calls,
                          absl::Duration passed);

  int64_t owed_bytes() const { return owed_; }

 private:
  int64_t owed_ = 0;
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
  static constexpr absl::Duration kInterval = absl::Milliseconds(100);

  ConnectionGuard(std::string addr, Metrics& metrics);

  // `fd` stays the caller's, open until Remove, and names the connection.
  // These and Look: one thread.
  void Add(int fd, const std::string& ip, int port);
  void Remove(int fd);
  // To be called every kInterval: shuts down what is to be cut.
  void Look(absl::Time now);

  // The counts of the connection that gRPC calls `peer` ("ipv4:10.0.0.7:1234",
  // "ipv6:%5B::1%5D:1234"). Of one that is not known, some that nobody reads.
  // Any thread.
  std::shared_ptr<CallCounts> CountsOf(absl::string_view peer);

 private:
  struct Connection {
    std::string name;
    std::shared_ptr<CallCounts> calls;
    ConnectionAccount account;
  };

  void Cut(int fd, const Connection& connection, absl::string_view why,
           absl::Time now);

  const std::string addr_;
  Metrics& metrics_;
  std::map<int, Connection> connections_;
  absl::Time looked_at_ = absl::InfinitePast();
  absl::Time logged_at_ = absl::InfinitePast();
  std::mutex mutex_;
  // By "ip port".
  std::unordered_map<std::string, std::shared_ptr<CallCounts>> by_name_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_CONNECTION_GUARD_H_

#ifndef WXIDENT_SERVER_EDGE_PEER_SHARE_H_
#define WXIDENT_SERVER_EDGE_PEER_SHARE_H_

#include <atomic>
#include <cstdint>
#include <string>

namespace wxident {

// What the connections of one peer, as PeerLimiter tells them apart, hold
// together. Thread-safe.
struct PeerShare {
  // By PeerLimiter's name.
  const std::string key;
  // Whether the peer has proven who it is.
  const bool proven = false;
  // Requests that have not ended.
  std::atomic<int> unfinished{0};
  // Answers that wait to be taken: their bytes, and the cost of their streams.
  std::atomic<int64_t> waiting{0};
  // Connections on which a call has been answered, once for each. Negative for
  // a moment when somebody takes what is there.
  std::atomic<int> useful{0};
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_PEER_SHARE_H_

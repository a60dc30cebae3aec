#ifndef WXIDENT_SERVER_EDGE_EDGE_SERVER_H_
#define WXIDENT_SERVER_EDGE_EDGE_SERVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/log_pace.h"
#include "server/base/metrics.h"
#include "server/edge/accept_loop.h"
#include "server/edge/call.h"
#include "server/edge/edge_worker.h"
#include "server/edge/handshake_pool.h"
#include "server/edge/ip_ranges.h"
#include "server/edge/peer_limiter.h"
#include "server/tls/tls_server.h"

namespace wxident {

// Serves gRPC on one address: accepts connections within bounds, shakes hands,
// and gives each to a loop that serves it. A client that breaks HTTP/2's rules
// or our bounds is cut off, counted and logged, and its IP gets few connections
// for a while. Thread-safe.
class EdgeServer {
 public:
  struct Options {
    // See AcceptLoop::Listen.
    std::string addr;
    // Gives the newest, at each connection; nullptr: plain text.
    std::function<std::shared_ptr<const TlsServer>()> tls;
    // From these, and these alone, each connection begins with a header of the
    // PROXY protocol, which tells the client's address: that one counts, for
    // limits and in the log.
    IpRanges balancers;
    // URIs of certificates on whose connections calls of many come: how many
    // there may be is bounded by the bound of all alone, and none waits for
    // what was done on another.
    std::vector<std::string> proxies;
    EdgeMethods methods;
    // nullptr: UNIMPLEMENTED.
    NoSuchMethod no_such_method;
    // Of a request; a larger one is refused before it is kept.
    size_t max_message_bytes = 64 << 10;
    int loops = 1;
    int handshake_threads = 2;
    ConnectionLifetime::Limits lifetime;
    PeerLimiter::Limits limits;
  };

  // Listens, and serves from now on. Fails with UNAVAILABLE when the address
  // cannot be had.
  static absl::StatusOr<std::unique_ptr<EdgeServer>> Start(Options options,
                                                           Metrics& metrics);
  // Stops at once.
  ~EdgeServer();

  // Accepts no more, lets running calls end, and cancels what still runs after
  // `timeout`. Returns when every handler has finished its call.
  void Stop(absl::Duration timeout);

  // host:port with the real port.
  const std::string& addr() const { return accept_loop_->addr(); }

 private:
  EdgeServer(Options options, std::unique_ptr<AcceptLoop> accept_loop,
             Metrics& metrics);
  void Run();
  void Accept(int fd, const std::string& ip, int port);
  bool OnForwarded(Incoming& incoming, const ProxyHeader& header);
  void OnHandshakeDone(Incoming incoming);
  void Serve(Incoming incoming);
  void OnFailed(const Incoming& incoming, const std::string& why);
  void OnEnded(const EdgeConnection& connection);
  // Logs what a peer did, now and then.
  void Tell(const char* event, const EdgePeer& peer, absl::string_view why);
  void CountFailure(const EdgePeer& peer, const std::string& why);
  void CountCut(const EdgePeer& peer, const std::string& why);
  void CountRefusal(const EdgePeer& peer, absl::string_view why);
  void Leave(const PeerShare& share);
  // The gauge of connections.
  void AddConnections(int count);

  const Options options_;
  Metrics& metrics_;
  PeerLimiter limiter_;
  // Of what clients did.
  LogPace log_pace_;
  std::atomic<size_t> next_worker_{0};
  std::vector<std::unique_ptr<EdgeWorker>> workers_;
  std::unique_ptr<HandshakePool> handshakes_;
  std::unique_ptr<AcceptLoop> accept_loop_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_EDGE_SERVER_H_

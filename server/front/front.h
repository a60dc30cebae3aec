#ifndef WXIDENT_SERVER_FRONT_FRONT_H_
#define WXIDENT_SERVER_FRONT_FRONT_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/metrics.h"
#include "server/crypto/tls_server.h"
#include "server/edge/accept_loop.h"
#include "server/front/connection.h"
#include "server/front/ip_ledger.h"
#include "server/front/relay.h"

namespace wxident {

// Is told of each TLS connection that gRPC gets, by the name that gRPC calls
// its peer. Thread-safe.
class PeerRegistry {
 public:
  virtual ~PeerRegistry() = default;

  // Before the first call. `certificates` is what the client has shown, its own
  // first, PEM.
  virtual void Opened(const std::string& peer,
                      const std::string& certificates) = 0;
  // gRPC may still come to calls of it.
  virtual void Closed(const std::string& peer) = 0;
};

// What stands between the network and gRPC: accepts connections within bounds,
// ends TLS, and passes on what an Http2Screen finds fit. A client that it does
// not is cut off, and its IP gets few connections for a while.
class Front {
 public:
  struct Options {
    // See AcceptLoop::Listen.
    std::string addr;
    // Gives the newest, at each connection; nullptr: plain text.
    std::function<std::shared_ptr<const TlsServer>()> tls;
    // Not owned; nullptr without TLS.
    PeerRegistry* peers = nullptr;
  };

  // Listens; connections wait until Run.
  static absl::StatusOr<std::unique_ptr<Front>> Listen(Options options,
                                                       Metrics& metrics);
  // What whoever took connections has said last still goes out.
  ~Front();

  // Each connection becomes a socket that `take` gets, and owns; over it comes
  // HTTP/2 in plain text. One call at a time, on a thread of the front.
  void Run(std::function<void(int fd)> take);

  // New connections are refused from now on.
  void StopAccepting();

  // host:port with the real port.
  const std::string& addr() const { return accept_loop_->addr(); }

 private:
  Front(Options options, std::unique_ptr<AcceptLoop> accept_loop,
        Metrics& metrics);
  void Greet(int fd, const std::string& ip, int port);
  void Open(std::unique_ptr<Connection> connection);
  void End(std::unique_ptr<Connection> connection);
  void Cut(const Connection& connection);
  void TellOfFailure(const Connection& connection);

  const Options options_;
  Metrics& metrics_;
  IpLedger ledger_;
  // When something was last logged of a client, on Relay::Now(), in ns.
  std::atomic<int64_t> cut_logged_at_{0};
  std::atomic<int64_t> failure_logged_at_{0};
  std::function<void(int fd)> take_;
  std::atomic<bool> stopping_{false};
  std::vector<std::unique_ptr<Relay>> relays_;
  size_t next_relay_ = 0;
  // Handshakes are work, and anybody's to ask for: they have a thread of their
  // own, so that they wait for each other and no call for them.
  std::unique_ptr<Relay> doorway_;
  std::unique_ptr<AcceptLoop> accept_loop_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_FRONT_FRONT_H_

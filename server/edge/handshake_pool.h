#ifndef WXIDENT_SERVER_EDGE_HANDSHAKE_POOL_H_
#define WXIDENT_SERVER_EDGE_HANDSHAKE_POOL_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/edge/incoming.h"
#include "server/tls/tls_server.h"

namespace wxident {

// Hears from balancers whose connections they pass on, and shakes hands with
// TLS clients. That is work, and anybody's to ask for: it has threads of its
// own, whose priority is low, so that handshakes wait for each other and no
// call for them. And it is memory: when there are too many, the one that has
// taken the longest comes to nothing.
class HandshakePool {
 public:
  // A client, and a balancer before it, has so long, whatever it sends.
  static constexpr absl::Duration kHandshakeTime = absl::Seconds(3);
  // Under way on one thread. An honest one takes milliseconds.
  static constexpr size_t kMostOfAThread = 256;

  // Gives the newest, at each handshake; nullptr: plain text.
  using Tls = std::function<std::shared_ptr<const TlsServer>()>;

  // On a thread of the pool; they outlive it.
  struct Sinks {
    // Gets a connection whose handshake is done, with its certificates.
    std::function<void(Incoming)> done;
    // Gets a connection whose balancer has said in `header` whose it is, for
    // its share and peer. False: it is over.
    std::function<bool(Incoming&, const ProxyHeader& header)> forwarded;
    // Hears of one whose balancer has said something else.
    std::function<void(const Incoming&)> malformed;
    // Hears why one came to nothing; "" when the client just went, or it was a
    // balancer's own.
    std::function<void(const Incoming&, const std::string& why)> failed;
  };

  HandshakePool(int threads, Tls tls, Sinks sinks);
  // Those under way come to nothing.
  ~HandshakePool();
  HandshakePool(const HandshakePool&) = delete;
  HandshakePool& operator=(const HandshakePool&) = delete;

  // `incoming` gets its TLS here, after its header if one is to come.
  // Thread-safe.
  void Add(Incoming incoming);

 private:
  class Worker;
  class Handshake;

  const Tls tls_;
  const Sinks sinks_;
  std::atomic<size_t> next_{0};
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_HANDSHAKE_POOL_H_

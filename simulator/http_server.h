#ifndef WXIDENT_SIMULATOR_HTTP_SERVER_H_
#define WXIDENT_SIMULATOR_HTTP_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "simulator/simulator.h"

namespace wxident::simulator {

// Serves a Simulator over HTTPS/1.1 with keep-alive. One thread does
// everything, the simulator's work too; a delayed answer costs a timer.
//
// It stands on Boost.Beast because faults need the socket itself: a reset is
// SO_LINGER 0 and a close, a cut is a Content-Length that is not kept, and a
// thousand delayed answers must not hold a thousand threads. A library that
// owns the connection (cpp-httplib) gives none of the three.
class HttpServer {
 public:
  struct Options {
    // An IP address or localhost.
    std::string host;
    // 0: any free one.
    uint16_t port = 0;
    // PEM.
    std::string certificate;
    std::string private_key;
  };

  // Listens and serves until destroyed; from now on only the server's thread
  // may touch `simulator`, which must outlive it.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const Options& options, Simulator& simulator);

  // Closes all connections.
  ~HttpServer();

  uint16_t port() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace wxident::simulator

#endif  // WXIDENT_SIMULATOR_HTTP_SERVER_H_

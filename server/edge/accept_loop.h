#ifndef WXIDENT_SERVER_EDGE_ACCEPT_LOOP_H_
#define WXIDENT_SERVER_EDGE_ACCEPT_LOOP_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"

namespace wxident {

// Accepts TCP connections on one address and hands their descriptors on. When
// the process runs out of descriptors, it closes the connection that does not
// fit and goes on. One thread of its own.
class AcceptLoop {
 public:
  // Gets a descriptor, which does not block, to own and close, with its peer's
  // address. On the loop's thread.
  using Taker = std::function<void(int fd, const std::string& ip, int port)>;

  // Listens on `addr`, a numeric host:port ("127.0.0.1:8443", "[::1]:0"); port
  // 0 takes a free one. Connections wait until Run().
  static absl::StatusOr<std::unique_ptr<AcceptLoop>> Listen(
      const std::string& addr, Metrics& metrics);
  ~AcceptLoop();

  void Run(Taker take);

  // New connections are refused from now on.
  void StopAccepting();
  // The same, and `take` is not called any more.
  void Stop();

  // host:port with the real port.
  const std::string& addr() const { return addr_; }

 private:
  AcceptLoop(int listen_fd, std::string addr, Metrics& metrics);
  void Loop();
  // False when there will be none any more.
  bool AcceptAll();
  void ShedOne();

  const int listen_fd_;
  const std::string addr_;
  Metrics& metrics_;
  // Given up for a moment when descriptors run out, so that one connection can
  // be accepted and closed instead of waiting in the kernel for ever.
  int reserve_fd_;
  Taker take_;
  absl::Time shed_logged_at_ = absl::InfinitePast();
  std::thread thread_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_ACCEPT_LOOP_H_

#ifndef WXIDENT_SERVER_APP_ACCEPT_LOOP_H_
#define WXIDENT_SERVER_APP_ACCEPT_LOOP_H_

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/app/connection_guard.h"
#include "server/app/fd_handover.h"
#include "server/base/metrics.h"

namespace wxident {

// Accepts TCP connections on one address and hands their descriptors on. The
// gRPC library has a loop of its own, but that of 1.51 is dead for good after
// the process once runs out of descriptors (CVE-2023-4785); this one closes the
// connection that does not fit and goes on, and cuts one that abuses the server
// (see ConnectionGuard). One thread of its own.
class AcceptLoop {
 public:
  // Bounds that keep one peer, or all, from using up the process.
  static constexpr int kMaxConnections = 4096;
  static constexpr int kMaxConnectionsPerIp = 256;

  // Listens on `addr`, a numeric host:port ("127.0.0.1:8443", "[::1]:0"); port
  // 0 takes a free one. Connections wait until Run().
  static absl::StatusOr<std::unique_ptr<AcceptLoop>> Listen(
      const std::string& addr, Metrics& metrics);
  // Connections that were handed on live on, and nobody watches them any more.
  ~AcceptLoop();

  // Each connection's descriptor goes to one of `takers`, see FdHandover.
  void Run(std::vector<FdHandover::Taker> takers);

  // New connections are refused from now on; those that there are stay watched.
  void StopAccepting();

  // host:port with the real port.
  const std::string& addr() const { return addr_; }
  ConnectionGuard& guard() { return guard_; }

 private:
  AcceptLoop(int listen_fd, std::string addr, Metrics& metrics);
  void Loop();
  void AcceptAll();
  void ShedOne();
  // Lets the guard look when it is time to, and tells how long epoll may wait.
  int LookMs();
  void Closed(int watch_fd);

  const int listen_fd_;
  const std::string addr_;
  Metrics& metrics_;
  int epoll_fd_ = -1;
  int stop_fd_ = -1;
  // Given up for a moment when descriptors run out, so that one connection can
  // be accepted and closed instead of waiting in the kernel for ever.
  int reserve_fd_ = -1;
  std::unique_ptr<FdHandover> handover_;
  // A duplicate of each open connection's descriptor tells when it is closed.
  std::map<int, std::string> open_;  // duplicate -> peer's IP
  ConnectionGuard guard_;
  absl::Time next_look_ = absl::InfinitePast();
  std::map<std::string, int> per_ip_;
  absl::Time shed_logged_at_ = absl::InfinitePast();
  std::thread thread_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_ACCEPT_LOOP_H_

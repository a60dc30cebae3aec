#ifndef WXIDENT_TESTS_EDGE_TLS_TUNNEL_H_
#define WXIDENT_TESTS_EDGE_TLS_TUNNEL_H_

#include <string>
#include <thread>
#include <vector>

#include "tests/tls/test_ca.h"

namespace wxident {

// Takes connections in plain text and passes them on over TLS with a
// certificate: for programs that have none. A thread for each connection.
class TlsTunnel {
 public:
  // `to` is host:port; `cas` vouch for whoever is there.
  TlsTunnel(std::string to, std::string cas, const TestCertificate& shown);
  ~TlsTunnel();
  TlsTunnel(const TlsTunnel&) = delete;
  TlsTunnel& operator=(const TlsTunnel&) = delete;

  // Of 127.0.0.1.
  int port() const { return port_; }

 private:
  void Listen();
  void PassOn(int fd) const;

  const std::string to_;
  const std::string cas_;
  const TestCertificate shown_;
  int listen_fd_;
  int port_ = 0;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_TLS_TUNNEL_H_

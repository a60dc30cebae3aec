#ifndef WXIDENT_TESTS_EDGE_CONNECT_TO_H_
#define WXIDENT_TESTS_EDGE_CONNECT_TO_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/numbers.h"

namespace wxident {

// Of 127.0.0.1; `addr` is host:port.
inline sockaddr_in LoopbackAddress(const std::string& addr) {
  int port = 0;
  sockaddr_in out{};
  if (!absl::SimpleAtoi(addr.substr(addr.rfind(':') + 1), &port)) return out;
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

// A TCP connection that blocks; -1 when none comes about.
inline int ConnectTo(const std::string& addr) {
  const sockaddr_in to = LoopbackAddress(addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 &&
      connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

}  // namespace wxident

#endif  // WXIDENT_TESTS_EDGE_CONNECT_TO_H_

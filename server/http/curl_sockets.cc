#include "server/http/curl_sockets.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace wxident {
namespace {

int LocalPort(curl_socket_t fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return -1;
  if (address.ss_family == AF_INET)
    return ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
  return ntohs(reinterpret_cast<sockaddr_in6&>(address).sin6_port);
}

}  // namespace

curl_socket_t CurlSockets::Open(void* self, curlsocktype,
                                curl_sockaddr* address) {
  const curl_socket_t fd = socket(
      address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd >= 0) static_cast<CurlSockets*>(self)->open_.insert(fd);
  return fd;
}

int CurlSockets::Close(void* self, curl_socket_t fd) {
  static_cast<CurlSockets*>(self)->open_.erase(fd);
  return close(fd);
}

bool CurlSockets::Readable(int local_port) const {
  for (curl_socket_t fd : open_) {
    if (LocalPort(fd) != local_port) continue;
    pollfd readable{fd, POLLIN, 0};
    return poll(&readable, 1, 0) > 0;
  }
  return false;
}

}  // namespace wxident

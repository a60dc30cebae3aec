#include "tests/edge/tls_tunnel.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/string_view.h"
#include "tests/edge/connect_to.h"
#include "tests/tls/tls_client.h"

namespace wxident {

TlsTunnel::TlsTunnel(std::string to, std::string cas,
                     const TestCertificate& shown)
    : to_(std::move(to)),
      cas_(std::move(cas)),
      shown_(shown),
      listen_fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = LoopbackAddress("127.0.0.1:0");
  socklen_t size = sizeof(address);
  if (bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listen_fd_, SOMAXCONN) != 0)
    std::abort();
  getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Listen(); });
}

TlsTunnel::~TlsTunnel() {
  shutdown(listen_fd_, SHUT_RDWR);
  thread_.join();
  for (std::thread& connection : connections_) connection.join();
  close(listen_fd_);
}

void TlsTunnel::Listen() {
  while (true) {
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    connections_.emplace_back([this, fd] {
      PassOn(fd);
      close(fd);
    });
  }
}

void TlsTunnel::PassOn(int fd) const {
  const int tls_fd = ConnectTo(to_);
  if (tls_fd < 0) return;
  const TlsClientOptions options{.shown = &shown_};
  TlsClient tls(tls_fd, cas_, options);
  if (!tls.Handshake()) return;
  std::string buffer(16 << 10, '\0');
  while (true) {
    pollfd wait[] = {{fd, POLLIN, 0}, {tls_fd, POLLIN, 0}};
    if (poll(wait, 2, -1) < 1) return;
    if (wait[0].revents != 0) {
      const ssize_t count = recv(fd, buffer.data(), buffer.size(), 0);
      if (count <= 0 || !tls.Write({buffer.data(), static_cast<size_t>(count)}))
        return;
    }
    if (wait[1].revents != 0) {
      const std::string heard = tls.Read(buffer.size());
      if (heard.empty() || send(fd, heard.data(), heard.size(), MSG_NOSIGNAL) !=
                               static_cast<ssize_t>(heard.size()))
        return;
    }
  }
}

}  // namespace wxident

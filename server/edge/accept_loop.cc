#include "server/edge/accept_loop.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/log.h"

namespace wxident {
namespace {

struct Peer {
  std::string ip;
  int port;
};

Peer PeerOf(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address);
    // Of IPv4 by a listener on "[::]": the same peer by the same name.
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
      inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], text, sizeof(text));
    else
      inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text));
    return {text, ntohs(in6.sin6_port)};
  }
  const auto& in = reinterpret_cast<const sockaddr_in&>(address);
  inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
  return {text, ntohs(in.sin_port)};
}

std::string AddrOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const Peer self = PeerOf(address);
  return address.ss_family == AF_INET6
             ? absl::StrCat("[", self.ip, "]:", self.port)
             : absl::StrCat(self.ip, ":", self.port);
}

absl::Status AddrError(const std::string& addr, absl::string_view what) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", addr, ": ", what));
}

int OpenReserve() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

}  // namespace

absl::StatusOr<std::unique_ptr<AcceptLoop>> AcceptLoop::Listen(
    const std::string& addr, Metrics& metrics) {
  const size_t colon = addr.rfind(':');
  if (colon == std::string::npos) return AddrError(addr, "it is no host:port");
  std::string host = addr.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed =
      getaddrinfo(host.empty() ? nullptr : host.c_str(),
                  addr.substr(colon + 1).c_str(), &hints, &found);
  if (failed != 0) return AddrError(addr, gai_strerror(failed));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found,
                                                             freeaddrinfo);
  const int fd =
      socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return AddrError(addr, strerror(errno));
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 ||
      listen(fd, SOMAXCONN) != 0) {
    const int error = errno;
    close(fd);
    return AddrError(addr, strerror(error));
  }
  return std::unique_ptr<AcceptLoop>(new AcceptLoop(fd, AddrOf(fd), metrics));
}

AcceptLoop::AcceptLoop(int listen_fd, std::string addr, Metrics& metrics)
    : listen_fd_(listen_fd),
      addr_(std::move(addr)),
      metrics_(metrics),
      reserve_fd_(OpenReserve()) {}

AcceptLoop::~AcceptLoop() {
  Stop();
  close(listen_fd_);
  if (reserve_fd_ >= 0) close(reserve_fd_);
}

void AcceptLoop::Run(Taker take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { Loop(); });
}

void AcceptLoop::StopAccepting() { shutdown(listen_fd_, SHUT_RDWR); }

void AcceptLoop::Stop() {
  StopAccepting();
  if (thread_.joinable()) thread_.join();
}

void AcceptLoop::Loop() {
  pollfd wait{listen_fd_, POLLIN, 0};
  // A socket that was shut down is ready, and AcceptAll finds out.
  do poll(&wait, 1, -1);
  while (AcceptAll());
}

bool AcceptLoop::AcceptAll() {
  while (true) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    const int fd = accept4(listen_fd_, reinterpret_cast<sockaddr*>(&address),
                           &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      const Peer peer = PeerOf(address);
      take_(fd, peer.ip, peer.port);
      continue;
    }
    if (errno == EAGAIN) return true;
    // After StopAccepting.
    if (errno == EINVAL) return false;
    if (errno == EMFILE || errno == ENFILE)
      ShedOne();
    else if (errno != EINTR && errno != ECONNABORTED)
      poll(nullptr, 0, 10);  // no memory; the loop must not spin
  }
}

void AcceptLoop::ShedOne() {
  if (reserve_fd_ >= 0) close(reserve_fd_);
  const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) close(fd);
  reserve_fd_ = OpenReserve();
  // Another thread may have taken the reserve; the loop must not spin then.
  if (fd < 0 && reserve_fd_ < 0) poll(nullptr, 0, 10);
  metrics_.Count("wxident_connections_refused_total", {{"addr", addr_}});
  const absl::Time now = absl::Now();
  if (now - shed_logged_at_ < absl::Seconds(1)) return;
  shed_logged_at_ = now;
  Log(LogLevel::kError, "connection refused: out of descriptors",
      {{"addr", addr_}, {"advice", "raise LimitNOFILE"}});
}

}  // namespace wxident

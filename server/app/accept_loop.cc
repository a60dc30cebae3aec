#include "server/app/accept_loop.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
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
      guard_(addr_, metrics) {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
  reserve_fd_ = OpenReserve();
  for (int fd : {listen_fd_, stop_fd_}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
  }
}

AcceptLoop::~AcceptLoop() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    // An eventfd takes 8 bytes unless it would overflow.
    if (write(stop_fd_, &one, sizeof(one)) == sizeof(one)) thread_.join();
  }
  for (const auto& [fd, ip] : open_) close(fd);
  for (int fd : {listen_fd_, stop_fd_, epoll_fd_, reserve_fd_})
    if (fd >= 0) close(fd);
}

void AcceptLoop::Run(std::vector<FdHandover::Taker> takers) {
  handover_ = std::make_unique<FdHandover>(std::move(takers));
  thread_ = std::thread([this] { Loop(); });
}

void AcceptLoop::StopAccepting() { shutdown(listen_fd_, SHUT_RDWR); }

void AcceptLoop::Loop() {
  std::array<epoll_event, 64> events;
  while (true) {
    const int count =
        epoll_wait(epoll_fd_, events.data(), events.size(), LookMs());
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == stop_fd_) return;
      if (fd == listen_fd_)
        AcceptAll();
      else
        Closed(fd);
    }
  }
}

int AcceptLoop::LookMs() {
  if (open_.empty()) return -1;
  const absl::Time now = absl::Now();
  if (now >= next_look_) next_look_ = now + guard_.Look(now);
  return static_cast<int>(absl::ToInt64Milliseconds(next_look_ - now)) + 1;
}

void AcceptLoop::AcceptAll() {
  while (true) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    const int fd = accept4(listen_fd_, reinterpret_cast<sockaddr*>(&address),
                           &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE) {
        ShedOne();
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      // EAGAIN: none waits. EINVAL: StopAccepting, which epoll would go on
      // reporting.
      if (errno == EINVAL)
        epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, listen_fd_, nullptr);
      return;
    }
    auto [ip, port] = PeerOf(address);
    int& of_ip = per_ip_[ip];
    const int watch_fd = static_cast<int>(open_.size()) < kMaxConnections &&
                                 of_ip < kMaxConnectionsPerIp &&
                                 guard_.Admits(ip, absl::Now())
                             ? fcntl(fd, F_DUPFD_CLOEXEC, 0)
                             : -1;
    epoll_event event{};  // no events asked: hang-up and error always come
    event.data.fd = watch_fd;
    if (watch_fd < 0 ||
        epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, watch_fd, &event) != 0) {
      if (watch_fd >= 0) close(watch_fd);
      if (of_ip == 0) per_ip_.erase(ip);
      close(fd);
      metrics_.Count("wxident_connections_refused_total", {{"addr", addr_}});
      continue;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    ++of_ip;
    guard_.Add(watch_fd, ip, port);
    open_.emplace(watch_fd, std::move(ip));
    metrics_.Set("wxident_connections", {{"addr", addr_}},
                 static_cast<double>(open_.size()));
    handover_->Give(fd);
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

void AcceptLoop::Closed(int watch_fd) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, watch_fd, nullptr);
  guard_.Remove(watch_fd);
  close(watch_fd);
  auto found = open_.find(watch_fd);
  if (found == open_.end()) return;
  auto of_ip = per_ip_.find(found->second);
  if (--of_ip->second == 0) per_ip_.erase(of_ip);
  open_.erase(found);
  metrics_.Set("wxident_connections", {{"addr", addr_}},
               static_cast<double>(open_.size()));
}

}  // namespace wxident

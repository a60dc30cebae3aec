#include "tests/faults/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <vector>

namespace wxident {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void SendAtOnce(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

// A close that the other side hears of at once, and that leaves no port busy.
void CloseHard(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

}  // namespace

TcpProxy::TcpProxy(uint16_t target) : target_(target) {
  if (pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
  Listen();
  thread_ = std::thread([this] { Run(); });
}

TcpProxy::~TcpProxy() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
    Wake();
  }
  thread_.join();
  Cut();
  if (listener_ >= 0) close(listener_);
  close(wake_[0]);
  close(wake_[1]);
}

void TcpProxy::Listen() {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = Loopback(port_);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
          0 ||
      listen(listener_, 128) != 0)
    std::abort();
  socklen_t size = sizeof(address);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
}

void TcpProxy::Close() {
  std::lock_guard<std::mutex> lock(mutex_);
  Cut();
  if (listener_ >= 0) close(listener_);
  listener_ = -1;
  Wake();
}

void TcpProxy::Open() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (listener_ < 0) Listen();
  Wake();
}

void TcpProxy::Wake() {
  if (write(wake_[1], "x", 1) != 1 && errno != EAGAIN) std::abort();
}

void TcpProxy::Cut() {
  for (const Pair& pair : pairs_) {
    CloseHard(pair.client);
    CloseHard(pair.server);
  }
  pairs_.clear();
}

void TcpProxy::Run() {
  std::vector<pollfd> waits;
  while (true) {
    waits.assign(1, {wake_[0], POLLIN, 0});
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (ending_) return;
      for (const Pair& pair : pairs_) {
        waits.push_back({pair.client, POLLIN, 0});
        waits.push_back({pair.server, POLLIN, 0});
      }
      if (listener_ >= 0) waits.push_back({listener_, POLLIN, 0});
    }
    poll(waits.data(), waits.size(), -1);

    // What was polled may be closed by now; what is read does not block, so
    // all is looked at anew.
    std::lock_guard<std::mutex> lock(mutex_);
    std::array<char, 64> drained;
    while (read(wake_[0], drained.data(), drained.size()) > 0) {
    }
    for (auto pair = pairs_.begin(); pair != pairs_.end();) {
      if (Move(pair->client, pair->server) &&
          Move(pair->server, pair->client)) {
        ++pair;
        continue;
      }
      CloseHard(pair->client);
      CloseHard(pair->server);
      pair = pairs_.erase(pair);
    }
    if (listener_ < 0) continue;
    const int client =
        accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) continue;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(target_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0) {
      CloseHard(client);
      close(server);
      continue;
    }
    SendAtOnce(client);
    SendAtOnce(server);
    pairs_.push_back({client, server});
  }
}

bool TcpProxy::Move(int from, int to) {
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t count =
        recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    ssize_t sent = 0;
    while (sent < count) {
      const ssize_t more =
          send(to, buffer.data() + sent, static_cast<size_t>(count - sent),
               MSG_NOSIGNAL);
      if (more > 0) {
        sent += more;
        continue;
      }
      if (errno != EAGAIN && errno != EINTR) return false;
      pollfd room{to, POLLOUT, 0};
      poll(&room, 1, -1);
    }
  }
}

}  // namespace wxident

#include "tests/hostile/raw_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace wxident {
namespace {

constexpr size_t kMostHeard = 16 << 10;

int MsUntil(absl::Time end) {
  const int64_t left = absl::ToInt64Milliseconds(end - absl::Now());
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

}  // namespace

RawPeer::RawPeer(const std::string& addr, absl::Time until,
                 const std::string& source)
    : until_(until) {
  int port = 0;
  if (!absl::SimpleAtoi(addr.substr(addr.rfind(':') + 1), &port)) return;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  inet_pton(AF_INET, source.c_str(), &from.sin_addr);
  if (fd_ < 0 ||
      bind(fd_, reinterpret_cast<sockaddr*>(&from), sizeof(from)) != 0 ||
      connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0)
    Close();
}

RawPeer::~RawPeer() { Close(); }

void RawPeer::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

bool RawPeer::Hello(bool acknowledge) {
  return Send(
      absl::StrCat(kClientMagic, Frame(kSettings, 0, 0),
                   acknowledge ? Frame(kSettings, kAck, 0) : std::string()));
}

bool RawPeer::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    pollfd wait{fd_, POLLIN | POLLOUT, 0};
    if (fd_ < 0 || poll(&wait, 1, MsUntil(until_)) != 1) return false;
    if ((wait.revents & ~POLLOUT) != 0 && !Hear()) return false;
    const ssize_t sent =
        send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) Close();
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    if (absl::Now() >= until_) return false;
  }
  return fd_ >= 0;
}

void RawPeer::Flood(const std::string& bytes, int times) {
  for (int i = 0; i < times && Send(bytes); ++i) {
  }
}

bool RawPeer::Listen(absl::Duration time) {
  const absl::Time end = std::min(until_, absl::Now() + time);
  while (fd_ >= 0) {
    pollfd wait{fd_, POLLIN, 0};
    if (poll(&wait, 1, MsUntil(end)) != 1) return false;
    Hear();
  }
  return true;
}

bool RawPeer::Hear() {
  std::array<char, 16 << 10> buffer;
  const ssize_t count = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count > 0) {
    const size_t room = kMostHeard - std::min(kMostHeard, heard_.size());
    heard_.append(buffer.data(), std::min(room, static_cast<size_t>(count)));
    return true;
  }
  if (count < 0 && errno == EAGAIN) return true;
  Close();
  return false;
}

}  // namespace wxident

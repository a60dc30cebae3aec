#include "tests/hostile/raw_peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
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
constexpr size_t kMostNewest = 64 << 10;

int MsUntil(absl::Time end) {
  const int64_t left = absl::ToInt64Milliseconds(end - absl::Now());
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

}  // namespace

RawPeer::RawPeer(const std::string& addr, absl::Time until,
                 const std::string& source, const TlsManner* manner)
    : until_(until) {
  Connect(addr, source);
  if (!connected_ || manner == nullptr) return;
  tls_ = std::make_unique<RawTls>(*manner, fd_);
  ShakeHands();
}

RawPeer::~RawPeer() { Close(); }

void RawPeer::Connect(const std::string& addr, const std::string& source) {
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
    return Close();
  fcntl(fd_, F_SETFL, O_NONBLOCK);
  connected_ = true;
}

void RawPeer::ShakeHands() {
  while (fd_ >= 0) {
    const ssize_t done = tls_->Handshake();
    if (done > 0) return;
    short ready = 0;
    if (done < 0 ||
        !Wait(tls_->waits_to_write() ? POLLOUT : POLLIN, until_, ready))
      return Close();
  }
}

void RawPeer::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void RawPeer::Reset() {
  const linger none{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  Close();
}

bool RawPeer::Hello(bool acknowledge, int64_t window) {
  const std::string settings =
      window < 0 ? "" : BigEndian(4, 2) + BigEndian(window, 4);
  return Send(
      absl::StrCat(kClientMagic, Frame(kSettings, 0, 0, settings),
                   acknowledge ? Frame(kSettings, kAck, 0) : std::string()));
}

bool RawPeer::Send(absl::string_view bytes) {
  return SendAll(bytes, tls_ == nullptr);
}

bool RawPeer::SendRaw(absl::string_view bytes) { return SendAll(bytes, true); }

bool RawPeer::Wait(short events, absl::Time end, short& ready) {
  pollfd wait{fd_, static_cast<short>(events | (deaf_ ? 0 : POLLIN)), 0};
  if (fd_ < 0 || poll(&wait, 1, MsUntil(end)) != 1) return false;
  ready = wait.revents;
  return true;
}

ssize_t RawPeer::Write(absl::string_view bytes, bool raw) {
  if (!raw) return tls_->Write(bytes);
  const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent < 0 && errno == EAGAIN ? 0 : sent;
}

bool RawPeer::SendAll(absl::string_view bytes, bool raw) {
  while (!bytes.empty()) {
    short ready = 0;
    if (!Wait(POLLOUT, until_, ready)) return false;
    if ((ready & ~POLLOUT) != 0 && !Hear()) return false;
    const ssize_t sent = Write(bytes, raw);
    if (sent < 0) Close();
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
    if (absl::Now() >= until_) return false;
  }
  return fd_ >= 0 && absl::Now() < until_;
}

void RawPeer::Flood(const std::string& bytes, int times) {
  for (int i = 0; i < times && Send(bytes); ++i) {
  }
}

bool RawPeer::Listen(absl::Duration time) {
  const absl::Time end = std::min(until_, absl::Now() + time);
  while (fd_ >= 0) {
    short ready = 0;
    if (!Wait(0, end, ready)) return false;
    Hear();
  }
  return true;
}

bool RawPeer::ListenFor(const std::string& bytes) {
  while (true) {
    const size_t at = newest_.find(bytes);
    if (at != std::string::npos) {
      newest_.erase(0, at + bytes.size());
      return true;
    }
    short ready = 0;
    if (fd_ < 0 || !Wait(0, until_, ready)) return false;
    Hear();
  }
}

bool RawPeer::Hear() {
  std::array<char, 16 << 10> buffer;
  ssize_t count = 0;
  if (deaf_) {
    // There is an error to be told, or there would be nothing.
    count = -1;
  } else if (tls_ != nullptr) {
    count = tls_->Read(buffer.data(), buffer.size());
    if (count == 0) return true;
  } else {
    count = recv(fd_, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EAGAIN) return true;
  }
  if (count > 0) {
    if (newest_.size() > kMostNewest) newest_.erase(0, kMostNewest / 2);
    newest_.append(buffer.data(), static_cast<size_t>(count));
    const size_t room = kMostHeard - std::min(kMostHeard, heard_.size());
    heard_.append(buffer.data(), std::min(room, static_cast<size_t>(count)));
    return true;
  }
  Close();
  return false;
}

}  // namespace wxident

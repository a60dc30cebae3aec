#include "tests/app/http2_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "absl/strings/numbers.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

constexpr int kReadWaitMs = 15'000;
constexpr size_t kHeaderBytes = 9;

uint32_t Number(const std::string& bytes, size_t at, size_t count) {
  uint32_t out = 0;
  for (size_t i = at; i < at + count; ++i)
    out = out << 8 | static_cast<uint8_t>(bytes[i]);
  return out;
}

}  // namespace

Http2Peer::Http2Peer(const std::string& addr) {
  int port = 0;
  if (!absl::SimpleAtoi(addr.substr(addr.rfind(':') + 1), &port)) return;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
    close(fd_);
    fd_ = -1;
  }
}

Http2Peer::~Http2Peer() {
  if (fd_ >= 0) close(fd_);
}

bool Http2Peer::SendPreface() {
  return SendBytes(kClientMagic) && Send({kSettings, 0, 0, ""});
}

bool Http2Peer::Send(const Frame& frame) {
  return SendBytes(
      wxident::Frame(frame.type, frame.flags, frame.stream, frame.payload));
}

bool Http2Peer::SendBytes(const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count =
        send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<size_t>(count);
  }
  return true;
}

bool Http2Peer::Fill(size_t bytes) {
  std::array<char, 4096> buffer;
  while (unread_.size() < bytes) {
    pollfd wait{fd_, POLLIN, 0};
    if (poll(&wait, 1, kReadWaitMs) != 1) return false;
    const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
    if (count <= 0) return false;
    unread_.append(buffer.data(), static_cast<size_t>(count));
  }
  return true;
}

std::optional<Http2Peer::Frame> Http2Peer::Read() {
  if (!Fill(kHeaderBytes)) return std::nullopt;
  const size_t size = Number(unread_, 0, 3);
  if (!Fill(kHeaderBytes + size)) return std::nullopt;
  Frame frame{static_cast<uint8_t>(unread_[3]),
              static_cast<uint8_t>(unread_[4]), Number(unread_, 5, 4),
              unread_.substr(kHeaderBytes, size)};
  unread_.erase(0, kHeaderBytes + size);
  return frame;
}

}  // namespace wxident

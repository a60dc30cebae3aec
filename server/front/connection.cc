#include "server/front/connection.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

// Of what has been screened, so much may wait for gRPC: what it has read it
// works off even when the client is gone.
constexpr int kInnerBuffer = 32 << 10;
// Pieces of one direction before other connections have their turn.
constexpr int kPiecesInARow = 2;

// As read(2), told as TlsStream tells it.
ssize_t Told(ssize_t result) {
  if (result > 0) return result;
  if (result == 0) return kStreamEnded;
  return errno == EAGAIN || errno == EINTR ? kStreamWaits : kStreamBroken;
}

ssize_t ReadSocket(int fd, Connection::Scratch& to) {
  return Told(recv(fd, to.data(), to.size(), MSG_DONTWAIT));
}

ssize_t WriteSocket(int fd, absl::string_view bytes) {
  return Told(
      send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

// What is left of `bytes` when writing them came to `result`.
std::string Unsent(absl::string_view bytes, ssize_t result) {
  return std::string(bytes.substr(std::max<ssize_t>(result, 0)));
}

// Gives a socket an address, in Linux' abstract space, that no other has: its
// other end tells gRPC's calls by it. Nobody listens there.
std::string NameSocket(int fd) {
  static std::atomic<uint64_t> last{0};
  const std::string name = absl::StrCat("wxident-", getpid(), "-", ++last);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // After a zero byte.
  memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) return "";
  return absl::StrCat("unix-abstract:", name);
}

}  // namespace

Connection::Connection(int fd, std::string ip, int port,
                       std::unique_ptr<TlsStream> tls,
                       std::shared_ptr<IpCounts> ip_counts, absl::Duration now)
    : stage_(tls != nullptr ? Stage::kHandshake : Stage::kGreeting),
      fd_(fd),
      ip_(std::move(ip)),
      port_(port),
      tls_(std::move(tls)),
      ip_counts_(std::move(ip_counts)),
      screen_(*ip_counts_),
      give_up_at_(now + kGreetingTime) {}

Connection::~Connection() {
  for (int fd : {fd_, inner_fd_})
    if (fd >= 0) close(fd);
}

bool Connection::Open(const std::function<void(int fd)>& take) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                 ends) != 0)
    return false;
  setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &kInnerBuffer,
             sizeof(kInnerBuffer));
  inner_fd_ = ends[0];
  peer_name_ = NameSocket(inner_fd_);
  if (peer_name_.empty()) {
    close(ends[1]);
    return false;
  }
  take(ends[1]);
  return true;
}

std::string Connection::PeerCertificates() const {
  return tls_ == nullptr ? "" : tls_->PeerCertificates();
}

Connection::Next Connection::Work(Side ready, bool hangup, Scratch& scratch,
                                  absl::Duration now) {
  if (hangup && ready == Side::kClient) client_hangup_ = true;
  if (hangup && ready == Side::kServer && !server_hangup_) {
    server_hangup_ = true;
    give_up_at_ = now + kLingerTime;
  }
  switch (stage_) {
    case Stage::kHandshake:
    case Stage::kGreeting:
      return Greet(scratch, now);
    case Stage::kRelaying:
      return Relay(ready, scratch, now);
    case Stage::kLingering:
      while (true) {
        const ssize_t count = ReadSocket(fd_, scratch);
        if (count == kStreamWaits) return Next::kWait;
        if (count <= 0) return Next::kDestroy;
      }
    case Stage::kClosing:
      while (true) {
        const ssize_t count = ReadSocket(inner_fd_, scratch);
        if (count == kStreamWaits) return Next::kWait;
        if (count <= 0) return Next::kDestroy;
      }
  }
  return Next::kDestroy;
}

Connection::Next Connection::OnTime(absl::Duration now) {
  switch (stage_) {
    case Stage::kHandshake:
    case Stage::kGreeting:
      return now < give_up_at_ ? Next::kWait : Fail("it took too long");
    case Stage::kRelaying: {
      const absl::string_view wrong = screen_.OnTime(now);
      if (!wrong.empty()) CloseClient(wrong);
      // The client does not read it.
      else if (server_hangup_ && now >= give_up_at_)
        CloseClient("");
      return stage_ == Stage::kRelaying ? Next::kWait : Next::kAgain;
    }
    case Stage::kLingering:
      return now < give_up_at_ ? Next::kWait : Next::kDestroy;
    case Stage::kClosing:
      return Next::kWait;
  }
  return Next::kWait;
}

Connection::Next Connection::Greet(Scratch& scratch, absl::Duration now) {
  if (stage_ == Stage::kHandshake) {
    const absl::StatusOr<bool> done = tls_->Handshake();
    if (!done.ok()) return Fail(std::string(done.status().message()));
    if (!*done) return Next::kWait;
    stage_ = Stage::kGreeting;
  }
  while (!screen_.greeted()) {
    const ssize_t count = ReadClient(scratch);
    if (count == kStreamWaits) return Next::kWait;
    // A probe that only connects is no failure to tell of.
    if (count <= 0) return up_.empty() ? Next::kDestroy : Fail("it ended");
    const absl::string_view bytes(scratch.data(), static_cast<size_t>(count));
    const absl::string_view wrong = screen_.OnClient(bytes, now);
    if (wrong == "preface") return Fail("it is not HTTP/2");
    if (!wrong.empty()) {
      cut_ = wrong;
      return Next::kDestroy;
    }
    up_.append(bytes.data(), bytes.size());
  }
  stage_ = Stage::kRelaying;
  return Next::kOpen;
}

Connection::Next Connection::Relay(Side ready, Scratch& scratch,
                                   absl::Duration now) {
  bool more = false;
  if (ready != Side::kServer || !up_.empty()) more = PumpUp(scratch, now);
  if (stage_ == Stage::kRelaying && (ready != Side::kClient || !down_.empty()))
    more = PumpDown(scratch, now) || more;
  return more || stage_ != Stage::kRelaying ? Next::kAgain : Next::kWait;
}

bool Connection::PumpUp(Scratch& scratch, absl::Duration now) {
  for (int i = 0; i < kPiecesInARow; ++i) {
    if (!FlushUp()) return false;
    const ssize_t count = ReadClient(scratch);
    if (count == kStreamWaits) return false;
    if (count <= 0) {
      // Or the client has gone.
      CloseClient(tls_ != nullptr && !tls_->violation().empty() ? "tls" : "");
      return false;
    }
    const absl::string_view bytes(scratch.data(), static_cast<size_t>(count));
    const absl::string_view wrong = screen_.OnClient(bytes, now);
    if (!wrong.empty()) {
      CloseClient(wrong);
      return false;
    }
    const ssize_t sent = WriteSocket(inner_fd_, bytes);
    up_ = Unsent(bytes, sent);
    // TLS gives what one of its records holds.
    if (tls_ == nullptr && !client_hangup_ && bytes.size() < scratch.size())
      return false;
  }
  return true;
}

bool Connection::PumpDown(Scratch& scratch, absl::Duration now) {
  for (int i = 0; i < kPiecesInARow; ++i) {
    if (!FlushDown()) return false;
    const ssize_t count = ReadSocket(inner_fd_, scratch);
    if (count == kStreamWaits) return false;
    if (count <= 0) {
      Linger(now);
      return false;
    }
    const absl::string_view bytes(scratch.data(), static_cast<size_t>(count));
    const absl::string_view wrong = screen_.OnServer(bytes, now);
    if (!wrong.empty()) {
      CloseClient(wrong);
      return false;
    }
    const ssize_t sent = WriteClient(bytes);
    down_ = Unsent(bytes, sent);
    if (!server_hangup_ && bytes.size() < scratch.size()) return false;
  }
  return true;
}

void Connection::Linger(absl::Duration now) {
  screen_.OnServerEnd(now);
  // Closed at once, with something unread, the connection would be reset, and
  // the client lose what gRPC said last.
  if (tls_ != nullptr) tls_->End();
  shutdown(fd_, SHUT_WR);
  stage_ = Stage::kLingering;
  give_up_at_ = now + kLingerTime;
}

void Connection::CloseClient(absl::string_view cut) {
  cut_ = cut;
  if (!cut.empty()) {
    // Resets the connection, and drops what waits.
    const linger none{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  }
  close(fd_);
  fd_ = -1;
  // gRPC sees the end; this lives until it has ended, too.
  shutdown(inner_fd_, SHUT_WR);
  stage_ = Stage::kClosing;
}

Connection::Next Connection::Fail(std::string failure) {
  failure_ = std::move(failure);
  return Next::kDestroy;
}

bool Connection::FlushUp() {
  if (up_.empty()) return true;
  const ssize_t sent = WriteSocket(inner_fd_, up_);
  if (sent > 0) up_.erase(0, static_cast<size_t>(sent));
  return up_.empty();
}

bool Connection::FlushDown() {
  if (down_.empty()) return true;
  const ssize_t sent = WriteClient(down_);
  if (sent > 0) down_.erase(0, static_cast<size_t>(sent));
  return down_.empty();
}

ssize_t Connection::ReadClient(Scratch& scratch) {
  return tls_ != nullptr ? tls_->Read(scratch.data(), scratch.size())
                         : ReadSocket(fd_, scratch);
}

ssize_t Connection::WriteClient(absl::string_view bytes) {
  return tls_ != nullptr ? tls_->Write(bytes.data(), bytes.size())
                         : WriteSocket(fd_, bytes);
}

}  // namespace wxident

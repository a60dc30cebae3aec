#include "server/edge/edge_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace wxident {
namespace {

// Before other connections have their turn. A byte may be a frame's tenth, so
// that few kilobytes may ask for a lot.
constexpr int kReadsInARow = 4;
constexpr size_t kBytesInARow = 16 << 10;
// So much is made ready before it is written.
constexpr size_t kBatch = 64 << 10;
// What is read and thrown away of a client that has been told to go.
constexpr int kMaxDiscards = 16;

// As read(2), told as TlsStream tells it.
ssize_t Told(ssize_t result) {
  if (result > 0) return result;
  if (result == 0) return kStreamEnded;
  return errno == EAGAIN || errno == EINTR ? kStreamWaits : kStreamBroken;
}

}  // namespace

EdgeConnection::EdgeConnection(Incoming incoming, const Options& options,
                               LoopCalls& calls, Owner& owner, Scratch& scratch)
    : incoming_(std::move(incoming)),
      calls_(calls),
      owner_(owner),
      scratch_(scratch),
      lifetime_(options.lifetime, options.spread, calls.loop.now()),
      session_(options.session, calls, *this, incoming_.peer, incoming_.share),
      give_up_at_(calls.loop.now() + kGreetingTime) {
  calls_.loop.Watch(incoming_.fd.get(), EPOLLIN, this);
  // Our settings, and what TLS has read with the handshake's last message.
  calls_.loop.Defer([this] {
    if (state_ == State::kOpen) Read();
  });
}

uint32_t EdgeConnection::Awaited() const {
  // A broken connection is told of in any case.
  if (waits_to_write_) return EPOLLOUT;
  return paused_.has_value() ? uint32_t{0} : uint32_t{EPOLLIN};
}

void EdgeConnection::OnReady(uint32_t events) {
  if (state_ == State::kEnded) return;
  if (state_ == State::kLingering) return Discard();
  if (waits_to_write_) {
    // Nothing is read from who takes nothing.
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return End();
    return Flush();
  }
  if (!paused_.has_value()) return Read();
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) End();
}

void EdgeConnection::Read() {
  will_flush_ = true;
  size_t heard = 0;
  for (int i = 0; i < kReadsInARow && heard < kBytesInARow; ++i) {
    const ssize_t count = ReadSome();
    if (count == kStreamWaits) break;
    if (count <= 0) {
      if (incoming_.tls != nullptr && !incoming_.tls->violation().empty())
        violation_ = "tls";
      return End();
    }
    const auto size = static_cast<size_t>(count);
    heard += size;
    lifetime_.OnHeard(calls_.loop.now());
    if (!session_.Receive({scratch_.in.data(), size})) break;
    if (!HasMore(size)) break;
  }
  PauseForRefusals();
  ReadWhatTlsKeeps();
  Flush();
}

void EdgeConnection::PauseForRefusals() {
  const int refused = session_.TakeRefused();
  if (refused == 0) return;
  paused_ = calls_.loop.RunAt(
      calls_.loop.now() + std::min(refused * kRefusalPause, kMostPause),
      [this] { Resume(); });
  calls_.loop.Rewatch(incoming_.fd.get(), Awaited(), this);
}

void EdgeConnection::Resume() {
  StopPause();
  ReadWhatTlsKeeps();
}

void EdgeConnection::StopPause() {
  if (!paused_.has_value()) return;
  calls_.loop.Cancel(*paused_);
  paused_.reset();
  calls_.loop.Rewatch(incoming_.fd.get(), Awaited(), this);
}

bool EdgeConnection::HasMore(size_t size) const {
  return incoming_.tls != nullptr ? incoming_.tls->HasPending()
                                  : size == scratch_.in.size();
}

void EdgeConnection::ReadWhatTlsKeeps() {
  // epoll knows nothing of it.
  if (incoming_.tls == nullptr || !incoming_.tls->HasPending()) return;
  calls_.loop.Defer([this] {
    if (state_ == State::kOpen && !waits_to_write_ && !paused_.has_value())
      Read();
  });
}

void EdgeConnection::OnOutput() {
  if (will_flush_ || state_ != State::kOpen) return;
  will_flush_ = true;
  calls_.loop.Defer([this] {
    if (state_ == State::kOpen && !waits_to_write_) Flush();
  });
}

void EdgeConnection::Flush() {
  will_flush_ = true;
  if (!unsent_.empty()) {
    const std::string unsent = std::exchange(unsent_, {});
    if (!WriteAll(unsent)) return FinishWork();
  }
  while (true) {
    scratch_.out.clear();
    session_.Produce(scratch_.out, kBatch);
    if (scratch_.out.empty() || !WriteAll(scratch_.out)) break;
  }
  FinishWork();
}

bool EdgeConnection::WriteAll(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = WriteSome(bytes);
    if (count <= 0) {
      // What is broken tells so when it is read.
      unsent_ = std::string(bytes);
      if (!waits_to_write_) blocked_at_ = calls_.loop.now();
      return false;
    }
    blocked_at_ = calls_.loop.now();
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

void EdgeConnection::FinishWork() {
  will_flush_ = false;
  if (!session_.violation().empty()) return Violate(session_.violation());
  if (unsent_.empty() && session_.over()) return Linger();
  WaitToWrite(!unsent_.empty());
}

void EdgeConnection::WaitToWrite(bool wait) {
  if (wait == waits_to_write_) return;
  waits_to_write_ = wait;
  calls_.loop.Rewatch(incoming_.fd.get(), Awaited(), this);
  if (!wait) ReadWhatTlsKeeps();
}

void EdgeConnection::OnTime() {
  const absl::Duration now = calls_.loop.now();
  if (state_ == State::kEnded) return;
  if (state_ == State::kLingering) {
    if (now >= give_up_at_) End();
    return;
  }
  if (!session_.greeted() && now >= give_up_at_) return Violate("preface");
  if (waits_to_write_ && now - blocked_at_ > Http2Session::kTakingTime)
    return Violate("unread");
  if (!session_.OnTime()) return Flush();
  switch (lifetime_.OnTime(session_.streams(), now)) {
    case ConnectionLifetime::Due::kNothing:
      return;
    case ConnectionLifetime::Due::kPing:
      return session_.Ping();
    case ConnectionLifetime::Due::kDrain:
      return session_.Drain();
    case ConnectionLifetime::Due::kClose:
      return End();
  }
}

void EdgeConnection::Drain() {
  if (state_ != State::kOpen) return;
  lifetime_.OnDrain(calls_.loop.now());
  session_.Drain();
}

void EdgeConnection::Abort() {
  if (state_ != State::kEnded) End();
}

void EdgeConnection::Violate(absl::string_view violation) {
  violation_ = violation;
  // One that broke a rule hears which; one that floods is not listened to.
  if (unsent_.empty() && (violation == "protocol" || violation == "preface"))
    return Linger();
  // Resets the connection, and drops what waits.
  const linger none{1, 0};
  setsockopt(incoming_.fd.get(), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
  End();
}

void EdgeConnection::Linger() {
  // Closed at once, with something unread, the connection would be reset, and
  // the client lose what we said last.
  if (incoming_.tls != nullptr) incoming_.tls->End();
  shutdown(incoming_.fd.get(), SHUT_WR);
  state_ = State::kLingering;
  StopPause();
  give_up_at_ = calls_.loop.now() + kLingerTime;
  WaitToWrite(false);
  Discard();
}

void EdgeConnection::Discard() {
  for (int i = 0; i < kMaxDiscards; ++i) {
    const ssize_t count = Told(recv(incoming_.fd.get(), scratch_.in.data(),
                                    scratch_.in.size(), MSG_DONTWAIT));
    if (count == kStreamWaits) return;
    if (count <= 0) break;
  }
  End();
}

void EdgeConnection::End() {
  state_ = State::kEnded;
  StopPause();
  calls_.loop.Unwatch(incoming_.fd.get());
  owner_.OnEnded(*this);
}

ssize_t EdgeConnection::ReadSome() {
  if (incoming_.tls != nullptr)
    return incoming_.tls->Read(scratch_.in.data(), scratch_.in.size());
  return Told(recv(incoming_.fd.get(), scratch_.in.data(), scratch_.in.size(),
                   MSG_DONTWAIT));
}

ssize_t EdgeConnection::WriteSome(absl::string_view bytes) {
  if (incoming_.tls != nullptr)
    return incoming_.tls->Write(bytes.data(), bytes.size());
  return Told(send(incoming_.fd.get(), bytes.data(), bytes.size(),
                   MSG_DONTWAIT | MSG_NOSIGNAL));
}

}  // namespace wxident

#include "server/edge/handshake_pool.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/status_macros.h"
#include "server/crypto/certificates.h"
#include "server/edge/event_loop.h"

namespace wxident {

class HandshakePool::Worker {
 public:
  explicit Worker(const Sinks& sinks)
      : sinks_(sinks), thread_([this] { loop_.Run(); }) {}
  ~Worker();

  void Add(Incoming incoming);
  void End(Handshake& handshake);

  const Sinks& sinks() const { return sinks_; }
  EventLoop& loop() { return loop_; }

 private:
  const Sinks& sinks_;
  EventLoop loop_{SystemClock()};
  absl::flat_hash_map<Handshake*, std::unique_ptr<EventLoop::Source>>
      handshakes_;
  std::thread thread_;
};

// One that is under way.
class HandshakePool::Handshake final : public EventLoop::Source {
 public:
  Handshake(Incoming incoming, Worker& worker)
      : incoming_(std::move(incoming)), worker_(worker) {
    EventLoop& loop = worker_.loop();
    loop.Watch(incoming_.fd.get(), EPOLLIN, this);
    timer_ = loop.RunAt(loop.now() + kHandshakeTime, [this] {
      Fail(incoming_.header == nullptr
               ? "it took too long"
               : "its balancer has sent no PROXY header");
    });
  }

  void OnReady(uint32_t events) override {
    if (ended_) return;
    if (incoming_.header != nullptr && !ReadHeader()) return;
    if (incoming_.tls == nullptr) return Succeed();
    if (waits_to_write_ && (events & EPOLLOUT) != 0) WaitToWrite(false);
    const absl::StatusOr<bool> done = Step();
    if (!done.ok()) return Fail(std::string(done.status().message()));
    if (*done) return Succeed();
    // The certificate messages of the server may not fit into the socket.
    WaitToWrite(incoming_.tls->WantsWrite());
  }

  void Fail(const std::string& why) {
    Leave();
    // A balancer looks every few seconds whether somebody is there.
    worker_.sinks().failed(incoming_, is_balancers_ ? "" : why);
  }

 private:
  // Whether the client's own bytes follow.
  bool ReadHeader() {
    ProxyHeader& header = *incoming_.header;
    ProxyHeader::State state = ProxyHeader::State::kMore;
    while (state == ProxyHeader::State::kMore) {
      char buffer[512];
      const ssize_t count =
          recv(incoming_.fd.get(), buffer,
               std::min(header.wanted(), sizeof(buffer)), MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
      // Who only looks whether somebody listens says nothing.
      if (count <= 0 && !header.begun()) {
        Fail("");
        return false;
      }
      state = count <= 0 ? ProxyHeader::State::kBad
                         : header.Take({buffer, static_cast<size_t>(count)});
    }
    if (state == ProxyHeader::State::kBad) {
      Leave();
      worker_.sinks().malformed(incoming_);
      return false;
    }
    const std::unique_ptr<ProxyHeader> done = std::move(incoming_.header);
    is_balancers_ = done->ip().empty();
    if (worker_.sinks().forwarded(incoming_, *done)) return true;
    Leave();
    return false;
  }

  absl::StatusOr<bool> Step() {
    WX_ASSIGN_OR_RETURN(const bool done, incoming_.tls->Handshake());
    if (!done) return false;
    WX_ASSIGN_OR_RETURN(incoming_.peer->certificates,
                        ParseCertificates(incoming_.tls->PeerCertificates()));
    return true;
  }

  void Succeed() {
    Leave();
    worker_.sinks().done(std::move(incoming_));
  }

  void WaitToWrite(bool wait) {
    if (wait == waits_to_write_) return;
    waits_to_write_ = wait;
    worker_.loop().Rewatch(incoming_.fd.get(), wait ? EPOLLOUT : EPOLLIN, this);
  }

  void Leave() {
    ended_ = true;
    worker_.loop().Cancel(timer_);
    worker_.loop().Unwatch(incoming_.fd.get());
    worker_.End(*this);
  }

  Incoming incoming_;
  Worker& worker_;
  bool waits_to_write_ = false;
  bool ended_ = false;
  // Whether the balancer has come by itself.
  bool is_balancers_ = false;
  EventLoop::TimerId timer_;
};

HandshakePool::Worker::~Worker() {
  loop_.Post([this] {
    while (!handshakes_.empty()) handshakes_.begin()->first->Fail("");
  });
  loop_.Quit();
  thread_.join();
}

void HandshakePool::Worker::Add(Incoming incoming) {
  loop_.Post([this, incoming = std::move(incoming)]() mutable {
    auto handshake = std::make_unique<Handshake>(std::move(incoming), *this);
    Handshake* const key = handshake.get();
    handshakes_[key] = std::move(handshake);
  });
}

void HandshakePool::Worker::End(Handshake& handshake) {
  const auto found = handshakes_.find(&handshake);
  loop_.DeleteLater(std::move(found->second));
  handshakes_.erase(found);
}

HandshakePool::HandshakePool(int threads, Sinks sinks)
    : sinks_(std::move(sinks)) {
  for (int i = 0; i < threads; ++i)
    workers_.push_back(std::make_unique<Worker>(sinks_));
}

HandshakePool::~HandshakePool() = default;

void HandshakePool::Add(Incoming incoming) {
  workers_[next_++ % workers_.size()]->Add(std::move(incoming));
}

}  // namespace wxident

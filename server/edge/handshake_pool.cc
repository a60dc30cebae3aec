#include "server/edge/handshake_pool.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/status_macros.h"
#include "server/edge/event_loop.h"
#include "server/tls/certificates.h"

namespace wxident {
namespace {

// Of the threads: a tenth of the others' share where there are too few cores.
constexpr int kNice = 10;

}  // namespace

class HandshakePool::Worker {
 public:
  Worker(const Tls& tls, const Sinks& sinks);
  ~Worker();

  void Add(Incoming incoming);
  void End(int64_t number);
  // False when there is no memory. The worker's thread.
  bool BeginTls(Incoming& incoming) const;

  const Sinks& sinks() const { return sinks_; }
  EventLoop& loop() { return loop_; }

 private:
  void Run();
  void Begin(Incoming incoming);

  const Tls& tls_;
  const Sinks& sinks_;
  EventLoop loop_{SystemClock()};
  // By their numbers: the oldest first.
  std::map<int64_t, std::unique_ptr<Handshake>> handshakes_;
  int64_t last_number_ = 0;
  std::thread thread_;
};

// One that is under way.
class HandshakePool::Handshake final : public EventLoop::Source {
 public:
  Handshake(int64_t number, Incoming incoming, Worker& worker)
      : number_(number), incoming_(std::move(incoming)), worker_(worker) {
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
    if (!worker_.sinks().forwarded(incoming_, *done)) {
      Leave();
      return false;
    }
    if (worker_.BeginTls(incoming_)) return true;
    Fail("no memory");
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
    worker_.End(number_);
  }

  const int64_t number_;
  Incoming incoming_;
  Worker& worker_;
  bool waits_to_write_ = false;
  bool ended_ = false;
  // Whether the balancer has come by itself.
  bool is_balancers_ = false;
  EventLoop::TimerId timer_;
};

HandshakePool::Worker::Worker(const Tls& tls, const Sinks& sinks)
    : tls_(tls), sinks_(sinks), thread_([this] { Run(); }) {}

HandshakePool::Worker::~Worker() {
  loop_.Post([this] {
    while (!handshakes_.empty()) handshakes_.begin()->second->Fail("");
  });
  loop_.Quit();
  thread_.join();
}

void HandshakePool::Worker::Add(Incoming incoming) {
  loop_.Post([this, incoming = std::move(incoming)]() mutable {
    Begin(std::move(incoming));
  });
}

void HandshakePool::Worker::Run() {
  // Of this thread alone, with Linux. One that may not be lowered works as
  // well.
  setpriority(PRIO_PROCESS, 0, kNice);
  loop_.Run();
}

bool HandshakePool::Worker::BeginTls(Incoming& incoming) const {
  if (tls_ == nullptr) return true;
  incoming.tls = tls_()->Accept(incoming.fd.get());
  return incoming.tls != nullptr;
}

void HandshakePool::Worker::Begin(Incoming incoming) {
  if (incoming.header == nullptr && !BeginTls(incoming))
    return sinks_.failed(incoming, "no memory");
  if (handshakes_.size() >= kMostOfAThread)
    handshakes_.begin()->second->Fail("too many handshakes at once");
  const int64_t number = ++last_number_;
  handshakes_[number] =
      std::make_unique<Handshake>(number, std::move(incoming), *this);
}

void HandshakePool::Worker::End(int64_t number) {
  const auto found = handshakes_.find(number);
  loop_.DeleteLater(std::move(found->second));
  handshakes_.erase(found);
}

HandshakePool::HandshakePool(int threads, Tls tls, Sinks sinks)
    : tls_(std::move(tls)), sinks_(std::move(sinks)) {
  for (int i = 0; i < threads; ++i)
    workers_.push_back(std::make_unique<Worker>(tls_, sinks_));
}

HandshakePool::~HandshakePool() = default;

void HandshakePool::Add(Incoming incoming) {
  workers_[next_++ % workers_.size()]->Add(std::move(incoming));
}

}  // namespace wxident

#include "server/front/front.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace wxident {
namespace {

// Each takes less of a core than gRPC does for the same calls.
size_t RelayCount() {
  return std::clamp(std::thread::hardware_concurrency() / 2, 2u, 8u);
}

// How long the last words of whoever took connections may take.
constexpr absl::Duration kLastWords = absl::Seconds(2);

// Whether a second has passed since it was last so; at most one thread hears
// so.
bool IsFirstInASecond(std::atomic<int64_t>& last) {
  const int64_t now = absl::ToInt64Nanoseconds(Relay::Now());
  int64_t before = last;
  return now - before > 1'000'000'000 &&
         last.compare_exchange_strong(before, now);
}

std::string NameOf(const Connection& connection) {
  return absl::StrCat(connection.ip(), " ", connection.port());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Front>> Front::Listen(Options options,
                                                     Metrics& metrics) {
  absl::StatusOr<std::unique_ptr<AcceptLoop>> accept_loop =
      AcceptLoop::Listen(options.addr, metrics);
  if (!accept_loop.ok()) return accept_loop.status();
  return std::unique_ptr<Front>(
      new Front(std::move(options), *std::move(accept_loop), metrics));
}

Front::Front(Options options, std::unique_ptr<AcceptLoop> accept_loop,
             Metrics& metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      accept_loop_(std::move(accept_loop)) {}

Front::~Front() {
  accept_loop_->Stop();
  doorway_.reset();
  ledger_.WaitUntilEmpty(kLastWords);
  relays_.clear();
}

void Front::Run(std::function<void(int fd)> take) {
  take_ = std::move(take);
  const auto end = [this](std::unique_ptr<Connection> connection) {
    End(std::move(connection));
  };
  const auto open = [this](std::unique_ptr<Connection> connection) {
    Open(std::move(connection));
  };
  const auto cut = [this](const Connection& connection) { Cut(connection); };
  // Whatever they get has been opened.
  for (size_t i = 0; i < RelayCount(); ++i)
    relays_.push_back(std::make_unique<Relay>(end, cut, end));
  doorway_ = std::make_unique<Relay>(open, cut, end);
  accept_loop_->Run(
      [this](int fd, const std::string& ip, int port) { Greet(fd, ip, port); });
}

void Front::StopAccepting() {
  // What still shakes hands is not taken either.
  stopping_ = true;
  accept_loop_->StopAccepting();
}

void Front::Greet(int fd, const std::string& ip, int port) {
  const absl::Duration now = Relay::Now();
  std::shared_ptr<IpCounts> counts = ledger_.Admit(ip, now);
  std::unique_ptr<TlsStream> tls;
  if (counts != nullptr && options_.tls != nullptr) {
    tls = options_.tls()->Accept(fd);
    if (tls == nullptr) {
      ledger_.Leave(ip);
      counts = nullptr;
    }
  }
  if (counts == nullptr) {
    close(fd);
    metrics_.Count("wxident_connections_refused_total", {{"addr", addr()}});
    return;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  metrics_.Add("wxident_connections", {{"addr", addr()}}, 1);
  doorway_->Add(std::make_unique<Connection>(fd, ip, port, std::move(tls),
                                             std::move(counts), now));
}

void Front::Open(std::unique_ptr<Connection> connection) {
  const auto take = [&](int fd) {
    if (options_.peers != nullptr)
      options_.peers->Opened(connection->peer_name(),
                             connection->PeerCertificates());
    take_(fd);
  };
  if (stopping_ || !connection->Open(take)) {
    metrics_.Count("wxident_connections_refused_total", {{"addr", addr()}});
    return End(std::move(connection));
  }
  next_relay_ = (next_relay_ + 1) % relays_.size();
  relays_[next_relay_]->Add(std::move(connection));
}

void Front::End(std::unique_ptr<Connection> connection) {
  if (options_.peers != nullptr && !connection->peer_name().empty())
    options_.peers->Closed(connection->peer_name());
  TellOfFailure(*connection);
  const std::string ip = connection->ip();
  connection.reset();
  metrics_.Add("wxident_connections", {{"addr", addr()}}, -1);
  ledger_.Leave(ip);
}

void Front::Cut(const Connection& connection) {
  ledger_.Punish(connection.ip(), Relay::Now());
  const std::string why(connection.cut());
  metrics_.Count("wxident_connections_cut_total",
                 {{"addr", addr()}, {"why", why}});
  if (IsFirstInASecond(cut_logged_at_))
    Log(LogLevel::kWarning, "connection cut",
        {{"addr", addr()}, {"peer", NameOf(connection)}, {"why", why}});
}

void Front::TellOfFailure(const Connection& connection) {
  if (connection.failure().empty()) return;
  metrics_.Count("wxident_handshake_failures_total", {{"addr", addr()}});
  if (IsFirstInASecond(failure_logged_at_))
    Log(LogLevel::kWarning, "no connection came about",
        {{"addr", addr()},
         {"peer", NameOf(connection)},
         {"why", connection.failure()}});
}

}  // namespace wxident

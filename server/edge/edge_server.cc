#include "server/edge/edge_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/base/log.h"

namespace wxident {
namespace {

// How long the last words may take once all calls have ended.
constexpr absl::Duration kLastWords = absl::Seconds(2);

std::string NameOf(const EdgePeer& peer) {
  return absl::StrCat(peer.ip, " ", peer.port,
                      peer.balancer.empty() ? "" : " by ", peer.balancer);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EdgeServer>> EdgeServer::Start(
    Options options, Metrics& metrics) {
  absl::StatusOr<std::unique_ptr<AcceptLoop>> accept_loop =
      AcceptLoop::Listen(options.addr, metrics);
  if (!accept_loop.ok()) return accept_loop.status();
  std::unique_ptr<EdgeServer> server(
      new EdgeServer(std::move(options), *std::move(accept_loop), metrics));
  server->Run();
  return server;
}

EdgeServer::EdgeServer(Options options, std::unique_ptr<AcceptLoop> accept_loop,
                       Metrics& metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      limiter_(options_.limits),
      accept_loop_(std::move(accept_loop)) {}

EdgeServer::~EdgeServer() { Stop(absl::ZeroDuration()); }

void EdgeServer::Run() {
  for (int i = 0; i < options_.loops; ++i)
    workers_.push_back(std::make_unique<EdgeWorker>(EdgeWorker::Options{
        {&options_.methods, options_.max_message_bytes,
         &options_.no_such_method},
        options_.lifetime,
        [this](const EdgeConnection& connection) { OnEnded(connection); }}));
  if (options_.tls != nullptr || !options_.balancers.empty())
    handshakes_ = std::make_unique<HandshakePool>(
        options_.handshake_threads, options_.tls,
        HandshakePool::Sinks{
            [this](Incoming incoming) { OnHandshakeDone(std::move(incoming)); },
            [this](Incoming& incoming, const ProxyHeader& header) {
              return OnForwarded(incoming, header);
            },
            [this](const Incoming& incoming) {
              CountCut(*incoming.peer, "proxy");
              Leave(*incoming.share);
            },
            [this](const Incoming& incoming, const std::string& why) {
              OnFailed(incoming, why);
            }});
  accept_loop_->Run([this](int fd, const std::string& ip, int port) {
    Accept(fd, ip, port);
  });
}

void EdgeServer::Stop(absl::Duration timeout) {
  accept_loop_->Stop();
  handshakes_.reset();
  for (const auto& worker : workers_) worker->Drain();
  if (timeout > absl::ZeroDuration())
    limiter_.WaitUntilEmpty(timeout + kLastWords);
  workers_.clear();
}

void EdgeServer::Accept(int fd, const std::string& ip, int port) {
  Incoming incoming{UniqueFd(fd), std::make_shared<EdgePeer>(), nullptr,
                    nullptr, nullptr};
  incoming.peer->ip = ip;
  incoming.peer->port = port;
  const absl::Duration now = SystemClock().Monotonic();
  const bool forwarded = options_.balancers.Has(ip);
  absl::string_view why;
  incoming.share = forwarded ? limiter_.AdmitBalancer(ip, now, &why)
                             : limiter_.Admit(ip, now, &why);
  if (incoming.share == nullptr) return CountRefusal(*incoming.peer, why);
  AddConnections(1);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (forwarded) incoming.header = std::make_unique<ProxyHeader>();
  if (options_.tls == nullptr && !forwarded) return Serve(std::move(incoming));
  handshakes_->Add(std::move(incoming));
}

bool EdgeServer::OnForwarded(Incoming& incoming, const ProxyHeader& header) {
  if (header.ip().empty()) return true;
  EdgePeer& peer = *incoming.peer;
  peer.balancer = std::exchange(peer.ip, header.ip());
  peer.port = header.port();
  absl::string_view why;
  incoming.share = limiter_.Forward(*incoming.share, peer.ip,
                                    SystemClock().Monotonic(), &why);
  if (incoming.share != nullptr) return true;
  AddConnections(-1);
  CountRefusal(peer, why);
  return false;
}

void EdgeServer::OnHandshakeDone(Incoming incoming) {
  const std::vector<Certificate>& certificates = incoming.peer->certificates;
  // Who has not one name proves nothing.
  if (!certificates.empty() && certificates.front().uris.size() == 1) {
    const std::string& name = certificates.front().uris.front();
    const bool is_proxy =
        std::find(options_.proxies.begin(), options_.proxies.end(), name) !=
        options_.proxies.end();
    absl::string_view why;
    incoming.share = limiter_.Prove(*incoming.share, name, is_proxy,
                                    SystemClock().Monotonic(), &why);
    if (incoming.share == nullptr) {
      AddConnections(-1);
      return CountRefusal(*incoming.peer, why);
    }
  }
  Serve(std::move(incoming));
}

void EdgeServer::Serve(Incoming incoming) {
  workers_[next_worker_++ % workers_.size()]->Add(std::move(incoming));
}

void EdgeServer::OnFailed(const Incoming& incoming, const std::string& why) {
  if (!why.empty()) CountFailure(*incoming.peer, why);
  Leave(*incoming.share);
}

void EdgeServer::OnEnded(const EdgeConnection& connection) {
  const std::string why(connection.violation());
  if (why == "preface") {
    CountFailure(connection.peer(), "it does not speak HTTP/2");
  } else if (!why.empty()) {
    limiter_.Penalize(connection.share(), SystemClock().Monotonic());
    CountCut(connection.peer(), why);
  }
  Leave(connection.share());
}

void EdgeServer::CountFailure(const EdgePeer& peer, const std::string& why) {
  metrics_.Count("wxident_handshake_failures_total", {{"addr", addr()}});
  Tell("no connection came about", peer, why);
}

void EdgeServer::Tell(const char* event, const EdgePeer& peer,
                      absl::string_view why) {
  if (!log_pace_.MayLog(absl::StrCat(event, ": ", why),
                        SystemClock().Monotonic()))
    return;
  Log(LogLevel::kWarning, event,
      {{"addr", addr()}, {"peer", NameOf(peer)}, {"why", std::string(why)}});
}

void EdgeServer::CountCut(const EdgePeer& peer, const std::string& why) {
  metrics_.Count("wxident_connections_cut_total",
                 {{"addr", addr()}, {"why", why}});
  Tell("connection cut", peer, why);
}

void EdgeServer::CountRefusal(const EdgePeer& peer, absl::string_view why) {
  metrics_.Count("wxident_connections_refused_total", {{"addr", addr()}});
  Tell("connection refused", peer, why);
}

void EdgeServer::Leave(const PeerShare& share) {
  AddConnections(-1);
  limiter_.Leave(share);
}

void EdgeServer::AddConnections(int count) {
  metrics_.Add("wxident_connections", {{"addr", addr()}}, count);
}

}  // namespace wxident

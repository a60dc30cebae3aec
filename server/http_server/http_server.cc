#include "server/http_server/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/edge/ip_key.h"

namespace wxident {
namespace {

bool Takes(const WebRoute& route, const std::string& method) {
  return method == route.method || (method == "HEAD" && route.method == "GET");
}

WebResponse NotAllowed(const WebRoute& route) {
  const std::string allowed =
      route.method == "GET" ? "GET, HEAD" : route.method;
  return {.status = 405,
          .body = absl::StrCat("only ", allowed, " here\n"),
          .fields = {{"allow", allowed}}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    Options options, Metrics& metrics) {
  WX_ASSIGN_OR_RETURN(std::unique_ptr<AcceptLoop> accept_loop,
                      AcceptLoop::Listen(options.addr, metrics));
  return std::unique_ptr<HttpServer>(
      new HttpServer(std::move(options), std::move(accept_loop), metrics));
}

HttpServer::HttpServer(Options options, std::unique_ptr<AcceptLoop> accept_loop,
                       Metrics& metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      accept_loop_(std::move(accept_loop)),
      thread_([this] { Run(); }) {
  accept_loop_->Run(
      [this](int fd, const std::string& ip, int port) { Take(fd, ip, port); });
}

HttpServer::~HttpServer() {
  accept_loop_->Stop();
  loop_.Post([this] {
    ending_ = true;
    std::vector<HttpConnection*> all;
    for (const auto& [id, served] : connections_)
      all.push_back(served.connection.get());
    for (HttpConnection* connection : all) connection->End("");
  });
  thread_.join();
}

int HttpServer::port() const {
  int port = 0;
  static_cast<void>(
      absl::SimpleAtoi(addr().substr(addr().rfind(':') + 1), &port));
  return port;
}

void HttpServer::Run() {
  // Calls come before scrapes where both want the same core.
  constexpr int kNice = 10;
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  constexpr absl::Duration kLong = absl::Hours(1);
  while (!ending_ || unanswered_ > 0) loop_.Turn(kLong);
  // What was to be destroyed is.
  for (int i = 0; i < 2; ++i) loop_.Turn(absl::ZeroDuration());
}

void HttpServer::Take(int fd, const std::string& ip, int port) {
  UniqueFd owned(fd);
  {
    MutexLock lock(mutex_);
    while (incoming_ >= kMaxIncoming) taken_.Wait(mutex_);
    ++incoming_;
  }
  loop_.Post([this, fd = std::move(owned),
              peer = HttpConnection::Peer{ip, port}]() mutable {
    Serve(std::move(fd), std::move(peer));
    MutexLock lock(mutex_);
    --incoming_;
    taken_.NotifyOne();
  });
}

void HttpServer::Serve(UniqueFd fd, HttpConnection::Peer peer) {
  std::string key = IpKey(peer.ip);
  if (!MakeRoom(key)) {
    metrics_.Count("wxident_connections_refused_total", {{"addr", addr()}});
    return;
  }
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  metrics_.Add("wxident_connections", {{"addr", addr()}}, 1);
  HttpConnection::Owner& self = *this;
  ++counts_[key];
  const uint64_t id = ++last_id_;
  connections_[id] = {std::move(key),
                      std::make_unique<HttpConnection>(
                          id, std::move(fd), std::move(peer),
                          options_.limits.connection, loop_, self)};
  if (!std::exchange(ticks_, true))
    loop_.RunAt(loop_.now() + kTick, [this] { Tick(); });
}

bool HttpServer::MakeRoom(const std::string& key) {
  const auto own = counts_.find(key);
  absl::string_view from = key;
  if (own == counts_.end() ||
      own->second < options_.limits.connections_of_an_ip) {
    if (static_cast<int>(connections_.size()) < options_.limits.connections)
      return true;
    int most = 0;
    for (const auto& [each, count] : counts_)
      if (count > most) {
        most = count;
        from = each;
      }
  }
  HttpConnection* const goes =
      LongestWaiting([&](const Served& served) { return served.key == from; });
  if (goes == nullptr) return false;
  goes->End("crowd");
  return true;
}

HttpConnection* HttpServer::LongestWaiting(
    absl::FunctionRef<bool(const Served&)> among) const {
  HttpConnection* found = nullptr;
  for (const auto& [id, served] : connections_) {
    HttpConnection* const each = served.connection.get();
    if (each->waits() && among(served) &&
        (found == nullptr || each->waits_since() < found->waits_since()))
      found = each;
  }
  return found;
}

void HttpServer::OnRequest(HttpConnection& connection,
                           const WebRequest& request) {
  const auto found = options_.routes.find(request.path);
  if (found == options_.routes.end())
    return connection.Answer({.status = 404, .body = "nothing is here\n"});
  if (!Takes(found->second, request.method))
    return connection.Answer(NotAllowed(found->second));
  while (UnsentBytes() > options_.limits.unsent_bytes)
    LongestWaiting([](const Served& served) {
      return served.connection->unsent() > 0;
    })->End("crowd");
  ++unanswered_;
  found->second.handler(
      request, [this, id = connection.id()](WebResponse response) mutable {
        if (loop_.IsCurrent()) return OnAnswer(id, response);
        loop_.Post([this, id, response = std::move(response)] {
          OnAnswer(id, response);
        });
      });
}

void HttpServer::OnAnswer(uint64_t id, const WebResponse& response) {
  --unanswered_;
  const auto found = connections_.find(id);
  if (found != connections_.end()) found->second.connection->Answer(response);
}

void HttpServer::OnEnded(HttpConnection& connection) {
  if (!connection.violation().empty()) Report(connection);
  metrics_.Add("wxident_connections", {{"addr", addr()}}, -1);
  const auto found = connections_.find(connection.id());
  const auto count = counts_.find(found->second.key);
  if (--count->second == 0) counts_.erase(count);
  loop_.DeleteLater(std::move(found->second.connection));
  connections_.erase(found);
}

void HttpServer::Report(const HttpConnection& connection) {
  const std::string why(connection.violation());
  metrics_.Count("wxident_connections_cut_total",
                 {{"addr", addr()}, {"why", why}});
  if (loop_.now() - reported_at_ < absl::Seconds(1)) return;
  reported_at_ = loop_.now();
  const HttpConnection::Peer& peer = connection.peer();
  Log(LogLevel::kWarning, "connection cut",
      {{"addr", addr()},
       {"peer", absl::StrCat(peer.ip, " ", peer.port)},
       {"why", why}});
}

void HttpServer::Tick() {
  std::vector<HttpConnection*> all;
  for (const auto& [id, served] : connections_)
    all.push_back(served.connection.get());
  // None of them ends another.
  for (HttpConnection* connection : all) connection->OnTime();
  ticks_ = !connections_.empty();
  if (ticks_) loop_.RunAt(loop_.now() + kTick, [this] { Tick(); });
}

size_t HttpServer::UnsentBytes() const {
  size_t sum = 0;
  for (const auto& [id, served] : connections_)
    sum += served.connection->unsent();
  return sum;
}

}  // namespace wxident

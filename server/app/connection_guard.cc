#include "server/app/connection_guard.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/log.h"

namespace wxident {
namespace {

int64_t BytesReceived(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return static_cast<int64_t>(info.tcpi_bytes_received);
}

std::string Name(absl::string_view ip, absl::string_view port) {
  return absl::StrCat(ip, " ", port);
}

// "ip port" of what gRPC calls a peer.
std::string NameOfPeer(absl::string_view peer) {
  const size_t scheme = peer.find(':');
  const size_t port = peer.rfind(':');
  if (scheme == absl::string_view::npos || scheme == port) return "";
  absl::string_view ip = peer.substr(scheme + 1, port - scheme - 1);
  if (absl::ConsumePrefix(&ip, "%5B")) ip = ip.substr(0, ip.find('%'));
  return Name(ip, peer.substr(port + 1));
}

}  // namespace

absl::string_view ConnectionAccount::Judge(int64_t bytes_received,
                                           const CallCounts& calls,
                                           absl::Duration passed) {
  if (calls.running > kMaxRunningCalls) return "calls";

  const int64_t served = calls.served;
  const int64_t wasted = calls.wasted;
  const int64_t ended = served - judged_served_ + wasted - judged_wasted_;
  if (ended >= kCallsToJudge) {
    if (2 * (wasted - judged_wasted_) > ended) return "resets";
    judged_served_ = served;
    judged_wasted_ = wasted;
  }

  owed_ += bytes_received - bytes_seen_;
  bytes_seen_ = bytes_received;
  owed_ -= (served - explained_calls_) * kBytesOfACall;
  explained_calls_ = served;
  owed_ -= absl::ToInt64Milliseconds(passed) * kFreeBytesPerSecond / 1000;
  owed_ = std::max<int64_t>(owed_, 0);
  return owed_ > kMaxOwedBytes + calls.running_unary * kBytesOfACall ? "bytes"
                                                                     : "";
}

ConnectionGuard::ConnectionGuard(std::string addr, Metrics& metrics)
    : addr_(std::move(addr)), metrics_(metrics) {}

void ConnectionGuard::Add(int fd, const std::string& ip, int port) {
  Connection& connection = connections_[fd];
  connection = {Name(ip, absl::StrCat(port)), std::make_shared<CallCounts>(),
                {}};
  std::lock_guard<std::mutex> lock(mutex_);
  by_name_[connection.name] = connection.calls;
}

void ConnectionGuard::Remove(int fd) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto named = by_name_.find(found->second.name);
    // The peer may have used the port again already.
    if (named != by_name_.end() && named->second == found->second.calls)
      by_name_.erase(named);
  }
  connections_.erase(found);
}

void ConnectionGuard::Look(absl::Time now) {
  const absl::Duration passed =
      looked_at_ == absl::InfinitePast() ? kInterval : now - looked_at_;
  looked_at_ = now;
  for (auto& [fd, connection] : connections_) {
    const absl::string_view why =
        connection.account.Judge(BytesReceived(fd), *connection.calls, passed);
    if (!why.empty()) Cut(fd, connection, why, now);
  }
}

void ConnectionGuard::Cut(int fd, const Connection& connection,
                          absl::string_view why, absl::Time now) {
  // Not shutdown(2), after which gRPC would still read what the kernel has
  // taken: this resets the connection and drops that. gRPC, which has another
  // descriptor of it, sees an error.
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  if (connect(fd, &nowhere, sizeof(nowhere)) != 0) shutdown(fd, SHUT_RDWR);
  metrics_.Count("wxident_connections_cut_total",
                 {{"addr", addr_}, {"why", std::string(why)}});
  if (now - logged_at_ < absl::Seconds(1)) return;
  logged_at_ = now;
  Log(LogLevel::kWarning, "connection cut",
      {{"addr", addr_}, {"peer", connection.name}, {"why", std::string(why)}});
}

std::shared_ptr<CallCounts> ConnectionGuard::CountsOf(absl::string_view peer) {
  const std::string name = NameOfPeer(peer);
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = by_name_.find(name);
  return found != by_name_.end() ? found->second
                                 : std::make_shared<CallCounts>();
}

}  // namespace wxident

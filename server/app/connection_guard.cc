#include "server/app/connection_guard.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/log.h"

namespace wxident {
namespace {

// What has been read of a connection; what still waits in the kernel has cost
// nothing yet.
int64_t BytesRead(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  int unread = 0;
  if (ioctl(fd, SIOCINQ, &unread) != 0) return 0;
  return static_cast<int64_t>(info.tcpi_bytes_received) - unread;
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
  // A link's name may follow the address: "%5Bfe80::1%252%5D".
  if (absl::ConsumePrefix(&ip, "%5B") || absl::ConsumePrefix(&ip, "["))
    ip = ip.substr(0, ip.find_first_of("%]"));
  return Name(ip, peer.substr(port + 1));
}

}  // namespace

absl::string_view ConnectionAccount::Judge(int64_t bytes_read,
                                           const CallCounts& calls,
                                           absl::Duration passed,
                                           bool memory_is_short) {
  if (calls.running > kMaxRunningCalls) return "calls";

  const int64_t served = calls.served;
  const int64_t wasted = calls.wasted;
  const int64_t ended = served - judged_served_ + wasted - judged_wasted_;
  if (ended >= kCallsToJudge) {
    if (2 * (wasted - judged_wasted_) > ended) return "resets";
    judged_served_ = served;
    judged_wasted_ = wasted;
  }

  unexplained_ += bytes_read - bytes_seen_;
  bytes_seen_ = bytes_read;
  unexplained_ -= (served - explained_calls_) * kBytesOfACall;
  explained_calls_ = served;
  free_ += passed * kFreeBytesPerSecond;
  const int64_t free_bytes = absl::ToInt64Seconds(free_);
  free_ -= absl::Seconds(free_bytes);
  unexplained_ = std::max<int64_t>(unexplained_ - free_bytes, 0);

  const int64_t before = owed_;
  owed_ = std::max<int64_t>(unexplained_ - calls.running_unary * kBytesOfACall -
                                calls.running_answered * kBytesOfAStream,
                            0);
  owed_for_ =
      owed_ > kMaxOwedBytesForLong ? owed_for_ + passed : absl::ZeroDuration();
  if (owed_ > kMaxOwedBytes || owed_for_ > kLong) return "bytes";
  const int64_t most_in_need = served < kCallsToBeKnown
                                   ? kMaxOwedBytesInNeed
                                   : kMaxOwedBytesInNeedOfKnown;
  if (memory_is_short && std::min(before, owed_) > most_in_need)
    return "memory";
  return "";
}

ConnectionGuard::ConnectionGuard(std::string addr, Metrics& metrics,
                                 std::function<int64_t()> memory)
    : addr_(std::move(addr)),
      metrics_(metrics),
      memory_(std::move(memory)),
      usual_memory_(memory_()) {}

int64_t ConnectionGuard::ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0;
  int64_t resident = 0;
  statm >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

void ConnectionGuard::Add(int fd, const std::string& ip, int port) {
  Connection& connection = connections_[fd];
  connection.ip = ip;
  connection.name = Name(ip, absl::StrCat(port));
  connection.calls = std::make_shared<CallCounts>();
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

absl::Duration ConnectionGuard::Look(absl::Time now) {
  const absl::Duration passed = looked_at_ == absl::InfinitePast()
                                    ? absl::ZeroDuration()
                                    : now - looked_at_;
  looked_at_ = now;
  for (auto found = probations_.begin(); found != probations_.end();)
    found =
        found->second.until < now ? probations_.erase(found) : std::next(found);
  const bool memory_is_short = IsMemoryShort(passed);
  for (auto& [fd, connection] : connections_) {
    if (connection.cut) continue;
    const absl::string_view why = connection.account.Judge(
        BytesRead(fd), *connection.calls, passed, memory_is_short);
    if (!why.empty()) Cut(fd, connection, why, now);
  }
  if (memory_is_short && now - gave_back_at_ > kBetweenGivingBack) {
    gave_back_at_ = now;
    malloc_trim(0);
  }
  return std::max(memory_is_short ? kLeastIntervalInNeed : kLeastInterval,
                  kIntervalPerConnection * connections_.size());
}

bool ConnectionGuard::IsMemoryShort(absl::Duration passed) {
  const int64_t memory = memory_();
  const auto most = static_cast<int64_t>(absl::ToDoubleSeconds(passed) *
                                         kUsualMemoryPerSecond);
  usual_memory_ = std::min(memory, usual_memory_ + most);
  return memory - usual_memory_ > kMemoryOfNeed;
}

bool ConnectionGuard::Admits(const std::string& ip, absl::Time now) {
  const auto found = probations_.find(ip);
  if (found == probations_.end()) return true;
  Probation& probation = found->second;
  if (now < probation.next) return false;
  probation.next = now + probation.between;
  return true;
}

void ConnectionGuard::Cut(int fd, Connection& connection, absl::string_view why,
                          absl::Time now) {
  // Not shutdown(2), after which gRPC would still read what the kernel has
  // taken: this resets the connection and drops that. gRPC, which has another
  // descriptor of it, sees an error.
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  if (connect(fd, &nowhere, sizeof(nowhere)) != 0) shutdown(fd, SHUT_RDWR);
  connection.cut = true;
  Probation& probation = probations_[connection.ip];
  probation.until = now + kProbation;
  probation.between = std::min(2 * probation.between, kMostWhile);
  metrics_.Count("wxident_connections_cut_total",
                 {{"addr", addr_}, {"why", std::string(why)}});
  if (now - logged_at_ < absl::Seconds(1)) return;
  logged_at_ = now;
  Log(LogLevel::kWarning, "connection cut",
      {{"addr", addr_},
       {"peer", connection.name},
       {"why", std::string(why)},
       {"owed_bytes", absl::StrCat(connection.account.owed_bytes())},
       {"running_calls", absl::StrCat(connection.calls->running.load())}});
}

std::shared_ptr<CallCounts> ConnectionGuard::CountsOf(absl::string_view peer) {
  const std::string name = NameOfPeer(peer);
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = by_name_.find(name);
  return found != by_name_.end() ? found->second
                                 : std::make_shared<CallCounts>();
}

}  // namespace wxident

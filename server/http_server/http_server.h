#ifndef WXIDENT_SERVER_HTTP_SERVER_HTTP_SERVER_H_
#define WXIDENT_SERVER_HTTP_SERVER_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/metrics.h"
#include "server/base/mutex.h"
#include "server/base/unique_fd.h"
#include "server/edge/accept_loop.h"
#include "server/edge/event_loop.h"
#include "server/http_server/http_connection.h"
#include "server/http_server/web_messages.h"

namespace wxident {

// Serves HTTP/1.1 on one address, in plain text, within bounds. Where there is
// no room, the connection goes that has waited longest for its client, so that
// those who say nothing or half of it, or take nothing, keep nobody out. All is
// done by one thread, besides the one that accepts. Thread-safe.
class HttpServer final : private HttpConnection::Owner {
 public:
  struct Limits {
    HttpConnection::Limits connection;
    int connections = 256;
    // See IpKey.
    int connections_of_an_ip = 64;
    // Of answers that wait to be taken, together.
    size_t unsent_bytes = 16 << 20;
  };
  struct Options {
    // See AcceptLoop::Listen.
    std::string addr;
    WebRoutes routes;
    Limits limits;
  };

  // Listens, and serves from now on. Fails with UNAVAILABLE when the address
  // cannot be had. `metrics` outlives it.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Options options,
                                                           Metrics& metrics);
  // Ends all connections, and returns when every handler has answered.
  ~HttpServer() override;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // host:port with the real port.
  const std::string& addr() const { return accept_loop_->addr(); }
  int port() const;

 private:
  // So many are accepted ahead of the loop; the others wait in the kernel.
  static constexpr int kMaxIncoming = 16;
  // How often connections are asked for what is due by time.
  static constexpr absl::Duration kTick = absl::Milliseconds(500);

  struct Served {
    // Its IP's.
    std::string key;
    std::unique_ptr<HttpConnection> connection;
  };

  HttpServer(Options options, std::unique_ptr<AcceptLoop> accept_loop,
             Metrics& metrics);
  // The accepting thread.
  void Take(int fd, const std::string& ip, int port);
  // The loop's thread.
  void Run();
  void Serve(UniqueFd fd, HttpConnection::Peer peer);
  // Whether there is room now for one more of this key.
  bool MakeRoom(const std::string& key);
  // The one of those that has waited longest for its client, or nullptr.
  HttpConnection* LongestWaiting(
      absl::FunctionRef<bool(const Served&)> among) const;
  void OnRequest(HttpConnection& connection,
                 const WebRequest& request) override;
  void OnAnswer(uint64_t id, const WebResponse& response);
  void OnEnded(HttpConnection& connection) override;
  void Report(const HttpConnection& connection);
  void Tick();
  size_t UnsentBytes() const;

  const Options options_;
  Metrics& metrics_;
  Mutex mutex_;
  CondVar taken_;
  // Accepted, and not yet known to the loop.
  int incoming_ ABSL_GUARDED_BY(mutex_) = 0;
  EventLoop loop_{SystemClock()};
  // By numbers that are never used again.
  std::map<uint64_t, Served> connections_;
  // How many there are of a key.
  absl::flat_hash_map<std::string, int> counts_;
  uint64_t last_id_ = 0;
  // Requests that no handler has answered yet.
  int unanswered_ = 0;
  bool ticks_ = false;
  bool ending_ = false;
  absl::Duration reported_at_ = -absl::InfiniteDuration();
  const std::unique_ptr<AcceptLoop> accept_loop_;
  std::thread thread_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_HTTP_SERVER_HTTP_SERVER_H_

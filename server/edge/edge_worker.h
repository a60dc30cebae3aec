#ifndef WXIDENT_SERVER_EDGE_EDGE_WORKER_H_
#define WXIDENT_SERVER_EDGE_EDGE_WORKER_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/edge/edge_connection.h"
#include "server/edge/event_loop.h"
#include "server/edge/incoming.h"
#include "server/edge/stream.h"

namespace wxident {

// A thread with a loop, and the connections that it serves from their first
// byte to their last. If the end of a turn takes too long (see Turns), another
// thread takes its place. Its functions are thread-safe.
class EdgeWorker final : private EdgeConnection::Owner {
 public:
  struct Options {
    Http2Session::Options session;
    ConnectionLifetime::Limits lifetime;
    // Hears of each connection that is over, on the worker's thread.
    std::function<void(const EdgeConnection&)> ended;
  };

  explicit EdgeWorker(Options options);
  // Ends all connections, and waits until every handler has finished its call.
  ~EdgeWorker() override;
  EdgeWorker(const EdgeWorker&) = delete;
  EdgeWorker& operator=(const EdgeWorker&) = delete;

  void Add(Incoming incoming);
  // Lets all connections end as their calls do, also those that come later.
  void Drain();

 private:
  // How often connections are asked for what is due by time.
  static constexpr absl::Duration kTick = absl::Milliseconds(500);

  void OnEnded(EdgeConnection& connection) override;
  void Run();
  void Serve(Incoming incoming);
  void Tick();
  template <typename Do>
  void ForEach(const Do& what);

  const Options options_;
  const std::shared_ptr<EventLoop> loop_;
  LoopCalls calls_;
  EdgeConnection::Scratch scratch_;
  absl::flat_hash_map<const EdgeConnection*, std::unique_ptr<EdgeConnection>>
      connections_;
  bool ticks_ = false;
  bool draining_ = false;
  bool ending_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_EDGE_EDGE_WORKER_H_

#ifndef WXIDENT_SERVER_FRONT_RELAY_H_
#define WXIDENT_SERVER_FRONT_RELAY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "server/front/connection.h"

namespace wxident {

// A thread that works for the connections that it is given, each a little in
// its turn. Add is thread-safe.
class Relay {
 public:
  using Sink = std::function<void(std::unique_ptr<Connection>)>;
  using Witness = std::function<void(const Connection&)>;

  // On the relay's thread: `opened` gets each connection that is due to be
  // opened, `cut` sees each whose client has just been cut off, and `ended`
  // gets each that is over. They outlive the relay.
  Relay(Sink opened, Witness cut, Sink ended);
  // Ends what there is.
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  void Add(std::unique_ptr<Connection> connection);

  // The clock of all that is in front: it never goes back.
  static absl::Duration Now();

 private:
  // How often connections are asked for what is due by time.
  static constexpr absl::Duration kTick = absl::Milliseconds(250);

  void Loop();
  void TakeNew();
  // `how` is EPOLL_CTL_ADD or EPOLL_CTL_MOD.
  void Watch(int how, int fd, uint32_t events, uint64_t data);
  void WatchInner(int how, uint64_t id);
  void Work(uint64_t id, Connection::Side ready, bool hangup,
            absl::Duration now);
  void After(uint64_t id, Connection::Next next);
  void TellOfCut(uint64_t id);
  void Tick(absl::Duration now);

  const Sink opened_;
  const Witness cut_;
  const Sink ended_;
  int epoll_fd_;
  int wake_fd_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> new_;  // guarded by mutex_
  bool ending_ = false;                           // guarded by mutex_

  // The thread's own.
  Connection::Scratch scratch_;
  struct Entry {
    std::unique_ptr<Connection> connection;
    // What its inner socket is watched for, too.
    bool waits_for_inner = false;
    bool told_of_cut = false;
  };
  std::unordered_map<uint64_t, Entry> connections_;
  uint64_t last_id_ = 0;
  // Have more to do.
  std::vector<uint64_t> again_;
  absl::Duration tick_at_;

  std::thread thread_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_FRONT_RELAY_H_

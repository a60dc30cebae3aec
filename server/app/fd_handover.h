#ifndef WXIDENT_SERVER_APP_FD_HANDOVER_H_
#define WXIDENT_SERVER_APP_FD_HANDOVER_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace wxident {

// Gives new connections to gRPC on threads of its own. gRPC reads a connection
// on the thread that brings it for as long as bytes are there, so one peer that
// never pauses keeps that thread; whoever accepts must not be it. Thread-safe.
class FdHandover {
 public:
  // Gets a descriptor, to own and close. May take as long as it likes.
  using Taker = std::function<void(int fd)>;

  // Each taker has a thread; a free one takes the next descriptor.
  explicit FdHandover(std::vector<Taker> takers);
  // Hands over what waits.
  ~FdHandover();

  void Give(int fd);

 private:
  void Work(const Taker& take);

  std::mutex mutex_;
  std::condition_variable changed_;
  // At most AcceptLoop::kMaxConnections.
  std::deque<int> waiting_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_APP_FD_HANDOVER_H_

#ifndef WXIDENT_TESTS_FAULTS_TCP_PROXY_H_
#define WXIDENT_TESTS_FAULTS_TCP_PROXY_H_

#include <cstdint>
#include <list>
#include <mutex>
#include <thread>

namespace wxident {

// A way over loopback from a client to a server that can be broken, while both
// go on. One thread moves the bytes. Thread-safe.
class TcpProxy {
 public:
  // Leads to 127.0.0.1:`target`.
  explicit TcpProxy(uint16_t target);
  // Cuts all connections.
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  // Where it listens, on 127.0.0.1; stays the same.
  uint16_t port() const { return port_; }

  // Nobody is let in, and who was in is cut, until Open. Holds when it returns.
  void Close();
  void Open();

 private:
  struct Pair {
    int client = -1;
    int server = -1;
  };

  void Listen();
  void Wake();
  void Run();
  // False: the pair has ended.
  static bool Move(int from, int to);
  void Cut();

  const uint16_t target_;
  uint16_t port_ = 0;
  int wake_[2] = {-1, -1};
  std::mutex mutex_;
  // The rest is guarded by mutex_.
  bool ending_ = false;
  int listener_ = -1;
  std::list<Pair> pairs_;
  std::thread thread_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_FAULTS_TCP_PROXY_H_

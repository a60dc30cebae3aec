#ifndef WXIDENT_TESTS_INTEGRATION_LOGIN_LOAD_H_
#define WXIDENT_TESTS_INTEGRATION_LOGIN_LOAD_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tests/integration/wxidentd.h"

namespace wxident {

double SecondsSince(std::chrono::steady_clock::time_point then);

// People who log in while something is done to the database: each of them tries
// again with the same code, 100 ms after a failure, until it is let in.
class LoginLoad {
 public:
  using Clock = std::chrono::steady_clock;

  struct Failure {
    Clock::time_point began;
    double seconds = 0;
    grpc::StatusCode code = grpc::StatusCode::OK;
    std::string reason;
  };

  LoginLoad(World& world, Wxidentd& server, int people);
  // Ends it.
  ~LoginLoad();

  // Waits for so many more, or until all people are in; fails the test, and
  // returns false, if they do not come within a minute.
  bool AwaitLogins(int more);
  // The same for failures.
  bool AwaitFailures(int more);
  // Until all people are in.
  void AwaitAll();

  std::vector<Failure> failures() const;
  // Asks the server for every session that it gave; fails the test unless all
  // `people` have one and all are active.
  void ExpectNoneLost(Wxidentd& server) const;

 private:
  void Run();
  bool Await(const char* what, const std::function<size_t()>& count, int more,
             size_t at_most);

  Wxidentd& server_;
  std::vector<std::string> codes_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> tokens_;
  std::vector<Failure> failures_;
  std::vector<std::thread> threads_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_INTEGRATION_LOGIN_LOAD_H_

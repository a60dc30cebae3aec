#ifndef WXIDENT_TESTS_HOSTILE_BYSTANDER_H_
#define WXIDENT_TESTS_HOSTILE_BYSTANDER_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "wxident/v1/identity_service.grpc.pb.h"

namespace wxident {

// An honest caller, which goes on calling over a connection of its own for as
// long as it lives, and measures.
class Bystander {
 public:
  explicit Bystander(const std::string& addr);
  ~Bystander();

  struct Seen {
    int calls = 0;
    // What went wrong, if something did: the first.
    std::string failure;
    absl::Duration p99;
  };
  // Since the last time; waits for a call's end, if there was none.
  Seen Take();

 private:
  void Call();

  std::unique_ptr<v1::IdentityService::Stub> stub_;
  std::mutex mutex_;
  std::condition_variable called_;
  std::vector<absl::Duration> times_;
  std::string failure_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

// One call over a connection of its own; how long it took, or an error.
grpc::Status CallAnew(const std::string& addr, absl::Duration timeout);

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_BYSTANDER_H_

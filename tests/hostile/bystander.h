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
  explicit Bystander(const std::shared_ptr<grpc::Channel>& channel);
  ~Bystander();

  struct Seen {
    int calls = 0;
    // What went wrong, if something did: the first.
    std::string failure;
    absl::Duration p50;
    absl::Duration p99;
  };
  // Since the last time; waits until there are so many calls.
  Seen Take(size_t least = 1);
  // How many there are since then.
  size_t calls() const;

 private:
  void Call();

  std::unique_ptr<v1::IdentityService::Stub> stub_;
  mutable std::mutex mutex_;
  std::condition_variable called_;
  std::vector<absl::Duration> times_;
  std::string failure_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

// One call over a new connection.
grpc::Status CallAnew(const std::shared_ptr<grpc::Channel>& channel,
                      absl::Duration timeout);

}  // namespace wxident

#endif  // WXIDENT_TESTS_HOSTILE_BYSTANDER_H_

// Callers that retry at once, whatever they are told, while the database is
// away, and what they keep the server from when it is back.

#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/base/own_channel.h"
#include "tests/faults/tcp_proxy.h"
#include "tests/integration/wxidentd.h"

namespace wxident {
namespace {

using Time = std::chrono::steady_clock;

constexpr int kCallers = 1000;
// As many processes as might call; each has a connection.
constexpr int kConnections = 10;

double SecondsSince(Time::time_point then) {
  return std::chrono::duration<double>(Time::now() - then).count();
}

using Stubs = std::vector<std::unique_ptr<v1::IdentityService::Stub>>;

Stubs Connect(const std::string& addr) {
  Stubs stubs;
  for (int i = 0; i < kConnections; ++i)
    stubs.push_back(v1::IdentityService::NewStub(OwnChannel(addr)));
  return stubs;
}

// kCallers that ask for a session again as soon as they have an answer.
class Storm {
 public:
  // `stubs` outlive this by a moment: gRPC's threads may still return from the
  // last callbacks.
  Storm(const Stubs& stubs, const std::string& session_token) : stubs_(stubs) {
    request_.set_session_token(session_token);
    request_.set_strong(true);
    // As connections in use are: the server's guard gives a peer whom it has
    // not served yet less time, if memory grows meanwhile.
    for (const auto& stub : stubs_)
      for (int i = 0; i < 20; ++i) {
        Call call;
        call.context.set_wait_for_ready(true);
        EXPECT_TRUE(
            stub->ValidateSession(&call.context, request_, &call.response)
                .ok());
      }
    for (int i = 0; i < kCallers; ++i) Ask(i);
  }
  ~Storm() {
    ended_ = true;
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return calling_ == 0; });
  }

  // Waits until every caller has had a good answer to a call begun from now on,
  // or `most` has passed. Gives the time it took.
  double UntilAllAreServed(std::chrono::seconds most) {
    const Time::time_point began = Time::now();
    std::unique_lock<std::mutex> lock(mutex_);
    since_ = began;
    served_.clear();
    changed_.wait_for(lock, most,
                      [this] { return served_.size() == kCallers; });
    return SecondsSince(began);
  }

  int64_t good() const { return good_; }
  int64_t bad() const { return bad_; }

 private:
  struct Call {
    grpc::ClientContext context;
    v1::ValidateSessionResponse response;
    Time::time_point began = Time::now();
  };

  void Ask(int caller) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ++calling_;
    }
    auto call = std::make_shared<Call>();
    call->context.set_deadline(std::chrono::system_clock::now() +
                               std::chrono::seconds(2));
    stubs_[caller % kConnections]->async()->ValidateSession(
        &call->context, &request_, &call->response,
        [this, caller, call](const grpc::Status& status) {
          const bool good = status.ok() && call->response.active();
          ++(good ? good_ : bad_);
          if (!ended_) Ask(caller);
          std::lock_guard<std::mutex> lock(mutex_);
          --calling_;
          if (good && call->began >= since_) served_.insert(caller);
          if (calling_ == 0 || served_.size() == kCallers)
            changed_.notify_all();
        });
  }

  v1::ValidateSessionRequest request_;
  const Stubs& stubs_;
  std::atomic<bool> ended_{false};
  std::atomic<int64_t> good_{0};
  std::atomic<int64_t> bad_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  int calling_ = 0;
  Time::time_point since_;
  std::set<int> served_;
};

TEST(RetryStormTest, IsOverSoonAfterTheOutage) {
  World world;
  TcpProxy proxy(world.postgres().port());
  Wxidentd server(
      world, {"--database-url", world.postgres().ServerUrlAt(proxy.port())});
  const Stubs stubs = Connect(server.addr());
  {
    Storm storm(stubs, LogIn(world, server, "ann").session_token());
    const double before = storm.UntilAllAreServed(std::chrono::seconds(20));
    proxy.Close();
    std::this_thread::sleep_for(std::chrono::seconds(3));
    const int64_t failed = storm.bad();
    EXPECT_GT(failed, kCallers);
    proxy.Open();
    const double after = storm.UntilAllAreServed(std::chrono::seconds(20));
    std::cout << kCallers << " callers, all served: before in " << before
              << " s, after 3 s of outage with " << failed
              << " failed calls in " << after << " s\n";
    EXPECT_LT(after, 5.0);
    // And it stays so.
    const int64_t failed_until_now = storm.bad();
    EXPECT_LT(storm.UntilAllAreServed(std::chrono::seconds(20)), 5.0);
    EXPECT_EQ(storm.bad(), failed_until_now);
  }
  EXPECT_EQ(server.process().log().find("connection cut"), std::string::npos)
      << *server.process().WaitForLine("connection cut");
  EXPECT_EQ(server.Stop(), 0);
}

}  // namespace
}  // namespace wxident

#ifndef WXIDENT_TESTS_RPC_METHODS_FIXTURE_H_
#define WXIDENT_TESTS_RPC_METHODS_FIXTURE_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/metrics.h"
#include "server/edge/edge_server.h"
#include "server/rpc/admit_call.h"
#include "tests/base/own_channel.h"

namespace wxident {

// Methods served on loopback, and who may call them.
class MethodsFixture : public testing::Test {
 protected:
  static constexpr absl::Duration kPatience = absl::Seconds(60);

  void SetUp() override { signal(SIGPIPE, SIG_IGN); }

  // Says what the test says, and keeps count.
  AdmitCall Admit() {
    return
        [this](const Call& call,
               AccessControl::Kind) -> absl::StatusOr<std::shared_ptr<void>> {
          ++asked_;
          EXPECT_EQ(call.peer().ip, "127.0.0.1");
          if (!admitted_.ok()) return admitted_;
          ++running_;
          return std::shared_ptr<void>(nullptr, [this](void*) { --running_; });
        };
  }

  void Serve(EdgeMethods methods, ConnectionLifetime::Limits lifetime = {}) {
    auto server = EdgeServer::Start({.addr = "127.0.0.1:0",
                                     .methods = std::move(methods),
                                     .lifetime = lifetime},
                                    metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = OwnChannel(server_->addr());
  }

  static std::unique_ptr<grpc::ClientContext> Within() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() +
                          absl::ToChronoMilliseconds(kPatience));
    return context;
  }

  bool WaitForNoneRunning() const {
    const absl::Time give_up = absl::Now() + kPatience;
    while (running_ != 0) {
      if (absl::Now() > give_up) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

  // What callers are told before anything is served.
  absl::Status admitted_;
  std::atomic<int> asked_{0};
  std::atomic<int> running_{0};
  Metrics metrics_;
  std::unique_ptr<EdgeServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace wxident

#endif  // WXIDENT_TESTS_RPC_METHODS_FIXTURE_H_

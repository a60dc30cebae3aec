// Health's watchers, many at once and some that do not read. Without gRPC's
// library, so that ThreadSanitizer sees all of it.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/policy/access_control.h"
#include "server/rpc/grpc/health/v1/health.pb.h"
#include "server/rpc/health_methods.h"
#include "tests/edge/server_fixture.h"
#include "tests/hostile/http2_frames.h"

namespace wxident {
namespace {

using Response = grpc::health::v1::HealthCheckResponse;

constexpr char kWatch[] = "/grpc.health.v1.Health/Watch";

// The status that the newest message tells.
int Newest(const H2Answer& answer) {
  Response response;
  if (answer.messages.empty() ||
      !response.ParseFromString(answer.messages.back()))
    return -1;
  return response.status();
}

class HealthWatchersTest : public ServerFixture {
 protected:
  void SetUp() override {
    ServerFixture::SetUp();
    methods_ = health_.Methods();
  }
  void TearDown() override { server_.reset(); }

  Health health_{{}, [](const Call&, AccessControl::Kind) {
                   return std::shared_ptr<void>();
                 }};
};

TEST_F(HealthWatchersTest, WhoDoesNotReadIsToldTheNewest) {
  Start({});
  EdgeClient slow(server_->addr(), nullptr, "", /*window=*/0);
  const int32_t id = slow.h2().Call(kWatch, Message(""));
  // Its head, without a body.
  ASSERT_TRUE(slow.Until([&] { return !slow.h2().answer(id).fields.empty(); },
                         kPatience));
  for (int i = 0; i < 1'000; ++i) health_.SetServing(i % 2 == 0);
  health_.SetServing(true);
  slow.h2().Widen(id, 1'000);
  ASSERT_TRUE(slow.Until(
      [&] { return Newest(slow.h2().answer(id)) == Response::SERVING; },
      kPatience));
  // What it had when it began to be slow, and what is so now.
  EXPECT_EQ(slow.h2().answer(id).messages.size(), 2);
}

TEST_F(HealthWatchersTest, WatchersComeAndGoWhileHealthChanges) {
  Start({.loops = 2});
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    for (bool serving = false; !stop; serving = !serving)
      health_.SetServing(serving);
    health_.SetServing(true);
  });
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i)
    clients.emplace_back([&] {
      const auto client = Connect();
      for (int j = 0; j < 50; ++j) {
        const int32_t id = client->h2().Call(kWatch, Message(""));
        EXPECT_TRUE(client->Until(
            [&] { return client->h2().answer(id).messages.size() >= 3; },
            kPatience));
        client->h2().Reset(id);
      }
    });
  for (std::thread& client : clients) client.join();
  const auto last = Connect();
  const int32_t id = last->h2().Call(kWatch, Message(""));
  EXPECT_TRUE(last->Until(
      [&] { return !last->h2().answer(id).messages.empty(); }, kPatience));
  stop = true;
  changer.join();
  EXPECT_TRUE(last->Until(
      [&] { return Newest(last->h2().answer(id)) == Response::SERVING; },
      kPatience));
  server_->Stop(kPatience);
  EXPECT_TRUE(
      last->Until([&] { return last->h2().answer(id).closed; }, kPatience));
  EXPECT_EQ(last->h2().answer(id).status(),
            static_cast<int>(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace wxident

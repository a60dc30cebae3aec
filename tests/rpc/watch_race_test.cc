// Streams of tokens that end while tokens, policies and audit lines come. It
// does without gRPC, so ThreadSanitizer sees both ends.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/audit/audit_log.h"
#include "server/rpc/identity_service.h"
#include "tests/base/temp_folder.h"
#include "tests/edge/edge_client.h"
#include "tests/hostile/http2_frames.h"
#include "tests/rpc/services_fixture.h"

namespace wxident {
namespace {

class WatchRaceTest : public ServicesFixture {
 protected:
  static constexpr char kPath[] =
      "/wxident.v1.IdentityService/WatchAccessToken";
  static constexpr absl::Duration kPatience = absl::Minutes(1);

  WatchRaceTest() { services_.audit = log_.get(); }
  ~WatchRaceTest() override { StopFlows(); }

  static std::string Request() {
    v1::WatchAccessTokenRequest request;
    request.set_app_id(kOrdinary);
    return request.SerializeAsString();
  }

  // Watches until so many tokens have come, or the stream is over.
  static int32_t Watch(EdgeClient& client, size_t tokens) {
    const int32_t id = client.h2().Call(kPath, Message(Request()));
    client.Send();
    client.Until(
        [&] {
          const H2Answer& answer = client.h2().answer(id);
          return answer.closed || answer.messages.size() >= tokens;
        },
        kPatience);
    return id;
  }

  bool HasNoWatchers() const {
    return absl::StrContains(
        metrics_.Text(),
        absl::StrCat("\nwxident_watchers{app_id=\"", kOrdinary, "\"} 0\n"));
  }

  const TempFolder folder_;
  std::unique_ptr<AuditLog> log_ = *AuditLog::Open(
      {.path = folder_.Path("audit"), .key = Secret(std::string(32, 'a'))},
      clock_, metrics_);
};

TEST_F(WatchRaceTest, StreamsComeAndGo) {
  const auto server = Serve(IdentityMethods(services_));
  std::atomic<bool> over{false};
  std::thread tokens([&] {
    while (!over) {
      // Within the day's budget, and no token expires.
      clock_.Advance(absl::Minutes(1));
      tokens_.Refresh(*apps_.Find(kOrdinary),
                      [](absl::StatusOr<AccessToken>) {});
    }
  });
  std::thread policies([&] {
    for (int i = 0; !over; ++i)
      access_.Replace(i % 8 == 0 ? Policy{} : EverythingAllowed());
  });
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      EdgeClient client(server->addr());
      for (size_t i = 0; i < 60; ++i) {
        const int32_t id = Watch(client, (i + caller) % 3);
        if (!client.h2().answer(id).closed) client.h2().Reset(id);
      }
      EXPECT_TRUE(client.Send());
    });
  for (std::thread& caller : callers) caller.join();
  over = true;
  policies.join();
  tokens.join();
  tokens_.EndWatches();
  StopServer(*server);
  EXPECT_TRUE(HasNoWatchers());
}

TEST_F(WatchRaceTest, AServerThatStopsEndsThem) {
  const auto server = Serve(IdentityMethods(services_));
  std::vector<std::thread> callers;
  std::atomic<int> watching{0};
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      EdgeClient client(server->addr());
      std::vector<int32_t> ids;
      for (int i = 0; i < 20; ++i) ids.push_back(Watch(client, 1));
      ++watching;
      for (const int32_t id : ids) {
        EXPECT_TRUE(client.Until([&] { return client.h2().answer(id).closed; },
                                 kPatience));
        EXPECT_EQ(client.h2().answer(id).status(), 0);
      }
      // Lets the server see it go.
      client.Until([&] { return !client.open(); }, kPatience);
    });
  while (watching < 4) std::this_thread::yield();
  StopServer(*server);
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(HasNoWatchers());
}

TEST_F(WatchRaceTest, AnOldConnectionEndsItsStreams) {
  const auto server =
      *EdgeServer::Start({.addr = "127.0.0.1:0",
                          .methods = IdentityMethods(services_),
                          .lifetime = {.age = absl::Milliseconds(1)}},
                         metrics_);
  EdgeClient client(server->addr());
  const int32_t id = client.h2().Call(kPath, Message(Request()));
  EXPECT_TRUE(client.Until([&] { return !client.open(); }, kPatience));
  EXPECT_EQ(client.h2().answer(id).status(), 0);
  EXPECT_EQ(client.h2().answer(id).messages.size(), 1u);
}

}  // namespace
}  // namespace wxident

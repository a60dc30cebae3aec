// Thousands who watch a token, on several servers.

#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>

#include "tests/base/own_channel.h"
#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;

class Watcher : public grpc::ClientReadReactor<v1::WatchAccessTokenResponse> {
 public:
  Watcher(v1::IdentityService::Stub& stub, const std::string& app_id) {
    request_.set_app_id(app_id);
    stub.async()->WatchAccessToken(&context_, &request_, this);
    StartRead(&token_);
    StartCall();
  }
  ~Watcher() override {
    context_.TryCancel();
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (token_.generation() <= generation_) ++repeated_;
      generation_ = token_.generation();
      access_token_ = token_.access_token();
      heard_ = Clock::now();
    }
    changed_.notify_all();
    StartRead(&token_);
  }
  void OnDone(const grpc::Status& status) override {
    std::lock_guard<std::mutex> lock(mutex_);
    status_ = status;
    done_ = true;
    changed_.notify_all();
  }

  // When it heard of `generation`; nullopt: not within 10 s.
  std::optional<Clock::time_point> Heard(int64_t generation) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(10),
                           [&] { return generation_ >= generation; }))
      return std::nullopt;
    return heard_;
  }
  std::string access_token() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return access_token_;
  }
  // How often it was told what it knew, or something older.
  int repeated() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return repeated_;
  }
  std::optional<grpc::Status> End() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20),
                           [this] { return done_; }))
      return std::nullopt;
    return status_;
  }

 private:
  grpc::ClientContext context_;
  v1::WatchAccessTokenRequest request_;
  v1::WatchAccessTokenResponse token_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int64_t generation_ = 0;
  std::string access_token_;
  Clock::time_point heard_;
  int repeated_ = 0;
  bool done_ = false;
  grpc::Status status_;
};

// Watchers of one server, over several connections.
class Crowd {
 public:
  Crowd(Wxidentd& server, const std::string& app_id, size_t count) {
    for (size_t i = 0; i < kConnections; ++i)
      stubs_.push_back(v1::IdentityService::NewStub(OwnChannel(server.addr())));
    for (size_t i = 0; i < count; ++i)
      watchers_.push_back(
          std::make_unique<Watcher>(*stubs_[i % kConnections], app_id));
  }

  // How long after `since` the last one knew `generation`.
  double AllHeard(int64_t generation, Clock::time_point since,
                  const std::string& newest) {
    double longest = 0;
    for (const auto& watcher : watchers_) {
      const std::optional<Clock::time_point> heard = watcher->Heard(generation);
      if (!heard.has_value()) {
        ADD_FAILURE() << "a watcher did not hear of generation " << generation;
        return 10;
      }
      longest = std::max(longest,
                         std::chrono::duration<double>(*heard - since).count());
      EXPECT_EQ(Simulator::DigestOf(watcher->access_token()), newest);
      EXPECT_EQ(watcher->repeated(), 0);
    }
    return longest;
  }
  void ExpectEndedWell() {
    for (const auto& watcher : watchers_) {
      const std::optional<grpc::Status> end = watcher->End();
      ASSERT_TRUE(end.has_value()) << "a watch did not end";
      ASSERT_TRUE(end->ok())
          << end->error_code() << " " << end->error_message();
    }
  }

 private:
  static constexpr size_t kConnections = 10;
  std::vector<std::unique_ptr<v1::IdentityService::Stub>> stubs_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
};

TEST(KeeperWatchTest, TwoThousandHearOfEachTokenWithinASecond) {
  const std::vector<WorldApp> apps = MakeTokenApps(2);
  const WorldApp& app = apps[1];
  ASSERT_EQ(app.token_mode, "ordinary");
  World world(PrivatePostgres::Durability::kNone, apps);
  Fleet fleet(world, 2);
  Crowd here(fleet[0], app.id, 1000);
  Crowd there(fleet[1], app.id, 1000);
  const auto newest = [&] {
    return world.sim().TokensOf(app.id, app.token_mode).newest;
  };
  here.AllHeard(1, Clock::now(), newest());
  there.AllHeard(1, Clock::now(), newest());

  for (int generation = 2; generation <= 5; ++generation) {
    v1::RefreshAccessTokenRequest ask;
    ask.set_app_id(app.id);
    v1::RefreshAccessTokenResponse refreshed;
    const grpc::Status status = fleet[0].admin().RefreshAccessToken(
        Within(absl::Seconds(20)).get(), ask, &refreshed);
    const Clock::time_point since = Clock::now();
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(refreshed.generation(), generation);
    const double first = here.AllHeard(generation, since, newest());
    const double second = there.AllHeard(generation, since, newest());
    std::cout << "generation " << generation << ": the last of 1000 knew it "
              << first << " s after it was there, and on the other server "
              << second << " s" << std::endl;
    EXPECT_LT(std::max(first, second), 1.0);
  }
  EXPECT_EQ(world.sim().TokenCalls(app.id).size(), 5u);

  // Those who watch do not keep a server from going.
  fleet.Stop(0);
  here.ExpectEndedWell();
  fleet.Stop(1);
  there.ExpectEndedWell();
}

}  // namespace
}  // namespace wxident

// Watching a token.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/keeper/token_manager.h"
#include "tests/keeper/replicas.h"

namespace wxident {
namespace {

// Notes what it is told, and that nobody calls it twice at once.
class Notes final : public TokenManager::Watcher {
 public:
  void OnToken(const AccessToken& token) override {
    EXPECT_FALSE(inside_.exchange(true));
    std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_FALSE(end_.has_value()) << "told after its end";
    generations_.push_back(token.generation);
    last_ = token.token.Expose();
    inside_ = false;
  }
  void OnEnd(const absl::Status& status) override {
    std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_FALSE(end_.has_value()) << "ended twice";
    end_ = status;
  }

  std::vector<int64_t> generations() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return generations_;
  }
  std::string last() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return last_;
  }
  std::optional<absl::Status> end() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return end_;
  }

 private:
  std::atomic<bool> inside_{false};
  mutable std::mutex mutex_;
  std::vector<int64_t> generations_;
  std::string last_;
  std::optional<absl::Status> end_;
};

class WatchTest : public testing::Test {
 protected:
  const App& app() { return world_.app(Replicas::kOrdinary); }
  std::shared_ptr<Notes> Watch(int i = 0) {
    auto notes = std::make_shared<Notes>();
    world_.keeper(i).Watch(app(), notes);
    return notes;
  }
  void Rotate(int i = 0) {
    const Secret old = world_.Get(Replicas::kOrdinary, i)->token;
    ASSERT_TRUE(world_.Get(Replicas::kOrdinary, i, old).ok());
  }

  Replicas world_{2};
};

TEST_F(WatchTest, TellsTheCurrentTokenAndEachNewOne) {
  auto notes = Watch();
  EXPECT_EQ(notes->generations(), (std::vector<int64_t>{1}));
  Rotate();
  EXPECT_EQ(notes->generations(), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(notes->last(), world_.Token(Replicas::kOrdinary));
}

TEST_F(WatchTest, HearsOfAnotherReplicasToken) {
  auto notes = Watch(1);
  Rotate(0);
  world_.Hear();
  EXPECT_EQ(notes->generations(), (std::vector<int64_t>{1, 2}));
}

TEST_F(WatchTest, WithoutAFirstTokenItEndsWithTheReason) {
  world_.wechat.FailNext(Error(Reason::kAppMisconfigured, "no").ToStatus());
  auto notes = Watch();
  ASSERT_TRUE(notes->end().has_value());
  EXPECT_TRUE(HasReason(*notes->end(), Reason::kAppMisconfigured));
}

TEST_F(WatchTest, ALaterFailureDoesNotEndIt) {
  auto notes = Watch();
  world_.wechat.FailNext(Gone());
  const Secret token = world_.Get(Replicas::kOrdinary)->token;
  EXPECT_FALSE(world_.Get(Replicas::kOrdinary, 0, token).ok());
  EXPECT_FALSE(notes->end().has_value());
  world_.Pass(absl::Seconds(2));
  Rotate();
  EXPECT_GT(notes->generations().back(), 1);
}

// The holder of a lost lease hears of its successor's token from the refusal of
// its own, and fetches once more. That fetch may fail; the token is there.
TEST_F(WatchTest, ATokenHeardOfInAFailingFlightIsTold) {
  auto notes = Watch(0);
  world_.wechat.Hold();
  world_.Refresh(Replicas::kOrdinary, 0);
  // The lease passes, and nobody reads the store meanwhile.
  world_.clock.Advance(absl::Seconds(11));
  FakeCredentialStore successor(world_.data);
  const CredentialKey key{Replicas::kOrdinary, CredentialKind::kOrdinaryToken};
  const Deadline soon = Deadline::After(absl::Seconds(1), world_.clock);
  std::optional<int64_t> fence;
  successor.Acquire(
      {key, 1, true, false, absl::Seconds(10), std::string(16, 's')}, soon,
      [&](absl::StatusOr<LeaseAnswer> answer) {
        ASSERT_TRUE(answer.ok());
        fence = answer->fence;
      });
  ASSERT_TRUE(fence.has_value());
  successor.Save(key, *fence, 1,
                 {Secret("successor's"), absl::Hours(2), absl::Hours(1)}, soon,
                 [](absl::StatusOr<SaveAnswer> answer) {
                   ASSERT_TRUE(answer.ok() && answer->kept);
                 });
  world_.wechat.FailNextAt("token", Gone());
  world_.wechat.Release();
  EXPECT_EQ(notes->generations(), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(notes->last(), "successor's");
}

TEST_F(WatchTest, WhoHasLeftIsToldNothing) {
  auto notes = Watch();
  world_.keeper().Unwatch(app(), notes.get());
  Rotate();
  world_.keeper().EndWatches();
  EXPECT_EQ(notes->generations(), (std::vector<int64_t>{1}));
  EXPECT_FALSE(notes->end().has_value());
}

TEST_F(WatchTest, EndWatchesEndsAllAndThoseThatComeLater) {
  auto early = Watch();
  world_.keeper().EndWatches();
  auto late = Watch();
  for (const auto& notes : {early, late}) {
    ASSERT_TRUE(notes->end().has_value());
    EXPECT_TRUE(notes->end()->ok());
  }
}

TEST_F(WatchTest, RacingComingsGoingsAndTokensKeepTheOrder) {
  world_.Token(Replicas::kOrdinary);
  std::vector<std::shared_ptr<Notes>> all(200);
  std::atomic<int> next{0};
  std::vector<std::thread> threads;
  for (int n = 0; n < 8; ++n)
    threads.emplace_back([&] {
      for (int i = next++; i < 200; i = next++) {
        all[i] = Watch();
        if (i % 3 == 0) world_.keeper().Unwatch(app(), all[i].get());
      }
    });
  threads.emplace_back([&] {
    for (int i = 0; i < 50; ++i) Rotate();
  });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 200; ++i) {
    const std::vector<int64_t> told = all[i]->generations();
    ASSERT_FALSE(told.empty());
    for (size_t n = 1; n < told.size(); ++n) EXPECT_LT(told[n - 1], told[n]);
    if (i % 3 != 0)
      EXPECT_EQ(all[i]->last(), world_.Token(Replicas::kOrdinary));
  }
  std::thread ender([&] { world_.keeper().EndWatches(); });
  for (int i = 0; i < 200; ++i) world_.keeper().Unwatch(app(), all[i].get());
  ender.join();
}

}  // namespace
}  // namespace wxident

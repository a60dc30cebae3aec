#include "server/keys/reencryptor.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/keys/key_count.h"
#include "tests/base/fake_clock.h"
#include "tests/base/fake_timer.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_key_store.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using State = Reencryptor::State;

class ReencryptorTest : public ::testing::Test {
 protected:
  ~ReencryptorTest() override {
    reencryptor_.Stop();
    timer_.RunAll();
  }

  std::unique_ptr<KeyRing> Ring(const std::vector<uint32_t>& ids) {
    std::vector<KeyRing::Key> keys;
    for (uint32_t id : ids)
      keys.push_back(
          {id, Secret(std::string(32, static_cast<char>('a' + id)))});
    return *KeyRing::Create(std::move(keys), random_);
  }
  void Rotate(const std::vector<uint32_t>& ids) { ring_->Replace(*Ring(ids)); }

  void AddValues(int count) {
    for (int i = 0; i < count; ++i) store_.Add(absl::StrCat("value", i));
  }
  // Runs the timer until the reencryptor has ended.
  void RunToTheEnd() {
    while (reencryptor_.GetStatus().state == State::kRunning) {
      ASSERT_TRUE(timer_.RunNext());
    }
  }

  FakeClock clock_;
  FakeRandom random_;
  FakeTimer timer_{clock_};
  Metrics metrics_;
  std::unique_ptr<KeyRing> ring_ = Ring({1});
  FakeKeyStore store_{*ring_};
  Reencryptor reencryptor_{store_, *ring_, timer_, clock_, metrics_};
};

TEST_F(ReencryptorTest, IsIdleUntilBegun) {
  EXPECT_EQ(reencryptor_.GetStatus().state, State::kIdle);
  EXPECT_EQ(timer_.waiting(), 0u);
}

TEST_F(ReencryptorTest, PutsEveryValueUnderTheFirstKey) {
  AddValues(10);
  const std::vector<std::string> texts = store_.Texts();
  Rotate({2, 1});
  const absl::Time began = clock_.Now();
  reencryptor_.Begin();
  EXPECT_EQ(reencryptor_.GetStatus().state, State::kRunning);
  EXPECT_EQ(reencryptor_.GetStatus().ended_at, absl::InfiniteFuture());
  RunToTheEnd();
  const Reencryptor::Status status = reencryptor_.GetStatus();
  EXPECT_EQ(status.state, State::kDone);
  EXPECT_EQ(status.reencrypted, 10);
  EXPECT_EQ(status.unreadable, 0);
  EXPECT_EQ(status.began_at, began);
  EXPECT_EQ(status.ended_at, clock_.Now());
  EXPECT_THAT(store_.Counts(), ElementsAre(Pair(2, 10)));
  EXPECT_EQ(store_.Texts(), texts);
  Rotate({2});
  EXPECT_EQ(store_.Texts(), texts);
}

TEST_F(ReencryptorTest, RestsAfterEachBatch) {
  AddValues(10);
  Rotate({2, 1});
  store_.Hold();
  reencryptor_.Begin();
  clock_.Advance(absl::Milliseconds(20));
  ASSERT_EQ(store_.Answer(), 1);
  EXPECT_THAT(timer_.delays(), ElementsAre(absl::Milliseconds(40)));
  EXPECT_EQ(store_.Answer(), 0);
}

TEST_F(ReencryptorTest, BegunTwiceItRunsOnce) {
  AddValues(10);
  Rotate({2, 1});
  store_.Hold();
  reencryptor_.Begin();
  reencryptor_.Begin();
  EXPECT_EQ(store_.Answer(), 1);
  EXPECT_EQ(store_.batches(), 1);
}

TEST_F(ReencryptorTest, ARotationMeanwhileIsFollowed) {
  AddValues(10);
  Rotate({2, 1});
  reencryptor_.Begin();
  ASSERT_TRUE(timer_.RunNext());
  Rotate({3, 2, 1});
  RunToTheEnd();
  EXPECT_THAT(store_.Counts(), ElementsAre(Pair(3, 10)));
}

TEST_F(ReencryptorTest, WhatIsSealedBehindItsBackIsFound) {
  AddValues(4);
  Rotate({2, 1});
  reencryptor_.Begin();
  while (store_.Counts().count(1) > 0) ASSERT_TRUE(timer_.RunNext());
  // As a statement does that began before the rotation.
  Rotate({1, 2});
  store_.Add("late");
  Rotate({2, 1});
  RunToTheEnd();
  EXPECT_THAT(store_.Counts(), ElementsAre(Pair(2, 5)));
}

TEST_F(ReencryptorTest, PassesComeEverLessOften) {
  AddValues(1);
  Rotate({2, 1});
  reencryptor_.Begin();
  for (int i = 0; i < 30; ++i) {
    // Another replica has the old ring.
    Rotate({1, 2});
    store_.Add("other");
    Rotate({2, 1});
    ASSERT_TRUE(timer_.RunNext());
  }
  EXPECT_EQ(reencryptor_.GetStatus().state, State::kRunning);
  absl::Duration longest;
  for (absl::Duration delay : timer_.delays())
    longest = std::max(longest, delay);
  EXPECT_EQ(longest, absl::Seconds(10));
  RunToTheEnd();
  EXPECT_THAT(store_.Counts(), ElementsAre(Pair(2, 31)));
}

TEST_F(ReencryptorTest, ARotationMakesThemComeAtOnceAgain) {
  AddValues(1);
  Rotate({2, 1});
  reencryptor_.Begin();
  for (uint32_t id = 3; id < 30; ++id) {
    Rotate({id, id - 1});
    ASSERT_TRUE(timer_.RunNext());
  }
  for (absl::Duration delay : timer_.delays())
    EXPECT_LE(delay, absl::Milliseconds(200));
}

TEST_F(ReencryptorTest, WhatDoesNotOpenStaysAndIsCounted) {
  AddValues(3);
  store_.Tamper(1);
  Rotate({2});
  AddValues(3);
  Rotate({3, 1});
  reencryptor_.Begin();
  RunToTheEnd();
  const Reencryptor::Status status = reencryptor_.GetStatus();
  EXPECT_EQ(status.state, State::kDone);
  EXPECT_EQ(status.reencrypted, 2);
  // One was changed, three are under a key that is lost.
  EXPECT_EQ(status.unreadable, 4);
  EXPECT_THAT(store_.Counts(),
              UnorderedElementsAre(Pair(1, 1), Pair(2, 3), Pair(3, 2)));
}

TEST_F(ReencryptorTest, KeysWithoutValuesAreMarked) {
  AddValues(3);
  for (const auto& ids : {std::vector<uint32_t>{1}, {2, 1}, {3, 2, 1}})
    store_.CheckCanaries(Ring(ids), true, Deadline::After({}, clock_),
                         [](absl::StatusOr<std::vector<uint32_t>> missing) {
                           EXPECT_TRUE(missing.ok());
                         });
  store_.Tamper(0);
  Rotate({3, 2, 1});
  reencryptor_.Begin();
  RunToTheEnd();
  // What does not open is still under key 1.
  EXPECT_THAT(store_.unused(), ElementsAre(2));
}

TEST_F(ReencryptorTest, ADatabaseThatComesBackIsWaitedFor) {
  AddValues(10);
  Rotate({2, 1});
  store_.Fail(29);
  reencryptor_.Begin();
  RunToTheEnd();
  EXPECT_EQ(reencryptor_.GetStatus().state, State::kDone);
  EXPECT_THAT(store_.Counts(), ElementsAre(Pair(2, 10)));
}

TEST_F(ReencryptorTest, OneThatStaysAwayEndsIt) {
  AddValues(10);
  Rotate({2, 1});
  reencryptor_.Begin();
  store_.Fail(1000);
  RunToTheEnd();
  const Reencryptor::Status status = reencryptor_.GetStatus();
  EXPECT_EQ(status.state, State::kFailed);
  EXPECT_EQ(status.reencrypted, 3);
  EXPECT_EQ(status.ended_at, clock_.Now());
  // Begun again it goes on.
  store_.Fail(0);
  reencryptor_.Begin();
  RunToTheEnd();
  EXPECT_EQ(reencryptor_.GetStatus().state, State::kDone);
  EXPECT_EQ(reencryptor_.GetStatus().reencrypted, 7);
}

TEST_F(ReencryptorTest, StoppedItAsksNoMore) {
  AddValues(10);
  Rotate({2, 1});
  reencryptor_.Begin();
  reencryptor_.Stop();
  timer_.RunAll();
  EXPECT_EQ(store_.batches(), 1);
  reencryptor_.Begin();
  EXPECT_EQ(store_.batches(), 1);
}

TEST_F(ReencryptorTest, KeysAreCountedOverAllPages) {
  AddValues(7);
  Rotate({2, 1});
  AddValues(4);
  std::map<uint32_t, int64_t> counts;
  CountKeys(store_, Deadline::After(absl::Seconds(1), clock_),
            [&](absl::StatusOr<std::map<uint32_t, int64_t>> counted) {
              counts = *std::move(counted);
            });
  EXPECT_THAT(counts, ElementsAre(Pair(1, 7), Pair(2, 4)));
}

}  // namespace
}  // namespace wxident

#include "server/keys/key_ring_reload.h"

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/crypto/fake_random.h"
#include "tests/fakes/fake_key_store.h"

namespace wxident {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class KeyRingReloadTest : public ::testing::Test {
 protected:
  static KeyRing::Key Key(uint32_t id) {
    return {id, Secret(std::string(32, static_cast<char>('a' + id)))};
  }
  static std::vector<KeyRing::Key> Keys(const std::vector<uint32_t>& ids) {
    std::vector<KeyRing::Key> keys;
    for (uint32_t id : ids) keys.push_back(Key(id));
    return keys;
  }
  absl::Status Reload(absl::StatusOr<std::vector<KeyRing::Key>> file) {
    file_ = std::move(file);
    absl::Status result = absl::UnknownError("not answered");
    reload_.Reload([&](absl::Status status) { result = status; });
    return result;
  }

  FakeClock clock_;
  FakeRandom random_;
  Metrics metrics_;
  std::unique_ptr<KeyRing> ring_ = *KeyRing::Create(Keys({1}), random_);
  FakeKeyStore store_{*ring_};
  absl::StatusOr<std::vector<KeyRing::Key>> file_ = Keys({1});
  int reads_ = 0;
  KeyRingReload reload_{*ring_,
                        [this] {
                          ++reads_;
                          return file_;
                        },
                        store_,
                        random_,
                        clock_,
                        metrics_};
};

TEST_F(KeyRingReloadTest, TakesAGoodRing) {
  EXPECT_TRUE(Reload(Keys({2, 1})).ok());
  EXPECT_THAT(ring_->key_ids(), ElementsAre(2, 1));
  EXPECT_THAT(metrics_.Text(), HasSubstr("wxident_key_ring_missing 0"));
}

TEST_F(KeyRingReloadTest, ABadFileLeavesTheOldRing) {
  const std::vector<absl::StatusOr<std::vector<KeyRing::Key>>> bad = {
      absl::InvalidArgumentError("line 3 is bad"),
      std::vector<KeyRing::Key>{},
      Keys({2, 2}),
      Keys({0}),
      std::vector<KeyRing::Key>{{2, Secret("short")}},
  };
  for (const auto& file : bad) {
    const absl::Status status = Reload(file);
    EXPECT_EQ(DetailsOf(status).reason, Reason::kRequestInvalid) << status;
    EXPECT_THAT(ring_->key_ids(), ElementsAre(1));
  }
  EXPECT_THAT(std::string(Reload(bad[0]).message()),
              HasSubstr("line 3 is bad"));
}

TEST_F(KeyRingReloadTest, AnotherKeyUnderAKnownIdIsRefused) {
  ASSERT_TRUE(Reload(Keys({2, 1})).ok());
  const absl::Status status =
      Reload(std::vector<KeyRing::Key>{Key(2), {1, Key(7).bytes}});
  EXPECT_EQ(DetailsOf(status).reason, Reason::kRequestInvalid);
  // The ring has the right one still.
  store_.Add("x");
  EXPECT_THAT(store_.Texts(), ElementsAre("x"));
}

TEST_F(KeyRingReloadTest, WithoutADatabaseTheOldRingStays) {
  store_.Fail(1);
  EXPECT_EQ(DetailsOf(Reload(Keys({2, 1}))).reason, Reason::kStoreUnavailable);
  EXPECT_THAT(ring_->key_ids(), ElementsAre(1));
  EXPECT_TRUE(Reload(Keys({2, 1})).ok());
}

TEST_F(KeyRingReloadTest, AMissingKeyIsShown) {
  ASSERT_TRUE(Reload(Keys({2, 1})).ok());
  ASSERT_TRUE(Reload(Keys({2})).ok());
  EXPECT_THAT(metrics_.Text(), HasSubstr("wxident_key_ring_missing 1"));
  ASSERT_TRUE(Reload(Keys({2, 1})).ok());
  EXPECT_THAT(metrics_.Text(), HasSubstr("wxident_key_ring_missing 0"));
}

TEST_F(KeyRingReloadTest, WhoAsksMeanwhileIsAnsweredByALaterRead) {
  store_.Hold();
  std::vector<int> answered;
  file_ = Keys({2, 1});
  reload_.Reload([&](absl::Status status) {
    EXPECT_TRUE(status.ok());
    EXPECT_THAT(ring_->key_ids(), ElementsAre(2, 1));
    answered.push_back(1);
  });
  file_ = Keys({3, 2, 1});
  for (int i = 2; i <= 4; ++i)
    reload_.Reload([&, i](absl::Status status) {
      EXPECT_TRUE(status.ok());
      EXPECT_THAT(ring_->key_ids(), ElementsAre(3, 2, 1));
      answered.push_back(i);
    });
  EXPECT_EQ(reads_, 1);
  EXPECT_EQ(store_.Answer(), 1);
  EXPECT_THAT(answered, ElementsAre(1));
  EXPECT_EQ(store_.Answer(), 1);
  EXPECT_THAT(answered, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(reads_, 2);
}

TEST_F(KeyRingReloadTest, ManyAtOnceAreAllAnswered) {
  std::vector<std::thread> threads;
  std::atomic<int> answered{0};
  file_ = Keys({2, 1});
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int j = 0; j < 100; ++j)
        reload_.Reload([&](absl::Status status) {
          EXPECT_TRUE(status.ok());
          ++answered;
        });
    });
  for (std::thread& thread : threads) thread.join();
  reload_.Stop();
  EXPECT_EQ(answered, 800);
}

TEST_F(KeyRingReloadTest, StoppedItRefuses) {
  reload_.Stop();
  EXPECT_EQ(DetailsOf(Reload(Keys({2, 1}))).reason, Reason::kStoreUnavailable);
  EXPECT_THAT(ring_->key_ids(), Not(ElementsAre(2, 1)));
}

// As a server does that will not start with this ring.
TEST_F(KeyRingReloadTest, MayBeEndedByWhoWasAnswered) {
  auto reload = std::make_unique<KeyRingReload>(
      *ring_, [this] { return file_; }, store_, random_, clock_, metrics_);
  store_.Hold();
  std::promise<void> answered;
  reload->Reload([&](const absl::Status&) {
    answered.set_value();
    // The reload goes on after this; its end is well under way by then.
    absl::SleepFor(absl::Milliseconds(100));
  });
  std::thread store([this] { store_.Answer(); });
  answered.get_future().wait();
  reload.reset();
  store.join();
}

}  // namespace
}  // namespace wxident

#include "server/session/session_sweeper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"
#include "tests/fakes/fake_session_store.h"
#include "tests/fakes/forwarding_session_store.h"

namespace wxident {
namespace {

// Keeps the answers of Sweep back until told.
class SlowStore final : public ForwardingSessionStore {
 public:
  using ForwardingSessionStore::ForwardingSessionStore;

  void Sweep(int limit, Deadline deadline, Done<int> done) override {
    ++sweeps;
    largest = std::max(largest, limit);
    store_.Sweep(
        limit, deadline,
        [&, done = std::move(done)](absl::StatusOr<int> count) mutable {
          if (!hold) return std::move(done)(std::move(count));
          held = std::move(done);
          held_count = std::move(count);
        });
  }

  void Release() {
    Done<int> done = std::move(held);
    std::move(done)(std::move(held_count));
  }

  int sweeps = 0;
  int largest = 0;
  bool hold = false;
  Done<int> held;
  absl::StatusOr<int> held_count = 0;
};

class SessionSweeperTest : public testing::Test {
 protected:
  void AddOldSessions(int count) {
    data_.users["user"] = clock_.Now();
    data_.identities[{"app", "openid"}].user_id = "user";
    for (int i = 0; i < count; ++i) {
      auto& row = data_.sessions[absl::StrCat("old", i)];
      row.identity = {"app", "openid"};
      row.created_at = clock_.Now() - absl::Hours(50);
      row.expires_at = clock_.Now() - absl::Hours(25);
    }
  }

  FakeClock clock_;
  FakeStoreData data_{clock_};
  FakeSessionStore fake_{data_};
  SlowStore store_{fake_};
  SessionSweeper sweeper_{store_, clock_};
};

TEST_F(SessionSweeperTest, SweepsInSmallBatchesUntilNothingIsLeft) {
  AddOldSessions(1000);
  sweeper_.Sweep();
  EXPECT_TRUE(data_.sessions.empty());
  EXPECT_LE(store_.largest, 200);
  EXPECT_EQ(store_.sweeps, 1000 / store_.largest + 1);
  sweeper_.Sweep();
  EXPECT_EQ(store_.sweeps, 1000 / store_.largest + 2);
}

TEST_F(SessionSweeperTest, NeverTwoAtATime) {
  store_.hold = true;
  for (int i = 0; i < 5; ++i) sweeper_.Sweep();
  EXPECT_EQ(store_.sweeps, 1);
  store_.Release();
  sweeper_.Sweep();
  EXPECT_EQ(store_.sweeps, 2);
  store_.Release();
}

TEST_F(SessionSweeperTest, AFailureEndsOneSweepOnly) {
  AddOldSessions(1);
  fake_.FailWith(Error(Reason::kStoreUnavailable, "down").ToStatus());
  sweeper_.Sweep();
  EXPECT_EQ(store_.sweeps, 1);
  fake_.FailWith(absl::OkStatus());
  sweeper_.Sweep();
  EXPECT_TRUE(data_.sessions.empty());
}

TEST_F(SessionSweeperTest, StopWaitsForTheBatchAndBeginsNoOther) {
  AddOldSessions(1000);
  store_.hold = true;
  sweeper_.Sweep();
  std::thread stopper([&] { sweeper_.Stop(); });
  // Whichever comes first, there is an end: with Stop first no batch follows.
  store_.hold = false;
  store_.Release();
  stopper.join();
  const int sweeps = store_.sweeps;
  sweeper_.Sweep();
  EXPECT_EQ(store_.sweeps, sweeps);
}

}  // namespace
}  // namespace wxident

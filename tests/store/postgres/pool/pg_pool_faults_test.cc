// A database that hangs, gives few connections or takes no writes.

#include <atomic>
#include <thread>

#include "absl/time/time.h"
#include "tests/store/postgres/pool/pg_pool_fixture.h"

namespace wxident {
namespace {

bool IsStoreUnavailable(const absl::Status& status) {
  return HasReason(status, Reason::kStoreUnavailable);
}

TEST_F(PgPoolTest, WritesLeaveHalfOfTheWorkersToReads) {
  Gate gate;
  std::atomic<int> most = 0, now = 0;
  auto pool = MakePool(4, 1000);
  Op& write = AddWrite(*pool, [&](SqlSession& session, const Items& items) {
    const int mine = ++now;
    for (int seen = most;
         seen < mine && !most.compare_exchange_weak(seen, mine);) {
    }
    gate.Pass();
    --now;
    return Echo(session, items);
  });
  Op& read = AddRead(*pool, Echo);
  for (int i = 0; i < 500; ++i) write.Submit(i, Soon(), answers_.Next());
  gate.AwaitWaiters(2);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Ask(read).ok());
  gate.Open();
  answers_.Await(500);
  EXPECT_EQ(most, 2);
}

TEST_F(PgPoolTest, ReadsAndWritesShareASingleConnection) {
  database_.most = 1;
  auto pool = MakePool(8);
  Op& write = AddWrite(*pool, Echo);
  Op& read = AddRead(*pool, Echo);
  for (int i = 0; i < 200; ++i)
    (i % 2 == 0 ? write : read).Submit(i, Soon(), answers_.Next());
  for (const auto& answer : answers_.Await(200)) EXPECT_TRUE(answer.ok());
}

TEST_F(PgPoolTest, FewConnectionsServeAllAndNoMoreAreAskedForAtOnce) {
  database_.most = 3;
  Gate gate;
  auto pool = MakePool(8, 1000);
  Op& slow = AddRead(*pool, [&](SqlSession& session, const Items& items) {
    gate.Pass();
    return Echo(session, items);
  });
  // One in each batch, as far as there are connections.
  for (int i = 0; i < 3; ++i) {
    slow.Submit(i, Soon(), answers_.Next());
    gate.AwaitWaiters(i + 1);
  }
  for (int i = 3; i < 1000; ++i) slow.Submit(i, Soon(), answers_.Next());
  gate.Open();
  for (const auto& answer : answers_.Await(1000)) EXPECT_TRUE(answer.ok());
  // The clock stands still: one refusal, and no second one.
  EXPECT_LE(database_.connects, 4);
  EXPECT_EQ(database_.open, 3);
}

TEST_F(PgPoolTest, WhatIsNotNeededForAMinuteIsClosedButForOne) {
  Gate gate;
  auto pool = MakePool(4);
  Op& slow = AddRead(*pool, [&](SqlSession& session, const Items& items) {
    gate.Pass();
    return Echo(session, items);
  });
  for (int i = 0; i < 4; ++i) {
    slow.Submit(i, Soon(), answers_.Next());
    gate.AwaitWaiters(i + 1);
  }
  gate.Open();
  answers_.Await(4);
  EXPECT_EQ(database_.open, 4);
  // A worker gives its connection back after the answer, so maybe only now.
  while (database_.open != 1) {
    clock_.Advance(absl::Seconds(61));
    std::this_thread::yield();
  }
  EXPECT_TRUE(Ask(slow).ok());
  EXPECT_EQ(database_.connects, 4);
}

// A locked table, where each run waits for its lock_timeout.
TEST_F(PgPoolTest, ABatchThatMeetsLocksHoldsItsWorkerForSecondsOnly) {
  Gate gate;
  std::atomic<int> runs = 0;
  auto pool = MakePool(1);
  Op& op = AddRead(*pool, [&](SqlSession&, const Items&) -> absl::Status {
    if (runs++ == 0) gate.Pass();
    clock_.Advance(absl::Milliseconds(200));
    return absl::AbortedError("55P03");
  });
  const Deadline late = Deadline::After(absl::Minutes(1), clock_);
  op.Submit(0, late, answers_.Next());
  gate.AwaitWaiters(1);
  for (int i = 0; i < 64; ++i) op.Submit(i, late, answers_.Next());
  gate.Open();
  for (const auto& answer : answers_.Await(65))
    EXPECT_TRUE(IsStoreUnavailable(answer.status()));
  // 0.8 s for the first, 0.8 s for all others together, then two of them.
  EXPECT_EQ(runs, 4 + 4 + 2 * 4);
}

TEST_F(PgPoolTest, WhoseDeadlinePassesInTheQueueIsToldSoThen) {
  Gate gate;
  auto pool = MakePool(1);
  Op& op = AddRead(*pool, [&](SqlSession& session, const Items& items) {
    gate.Pass();
    return Echo(session, items);
  });
  op.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiters(1);
  op.Submit(1, Deadline::After(absl::Seconds(1), clock_), answers_.Next());
  clock_.Advance(absl::Seconds(2));
  // The worker is still held.
  EXPECT_TRUE(
      HasReason(answers_.Await(1)[0].status(), Reason::kDeadlinePassed));
  gate.Open();
  answers_.Await(2);
}

TEST_F(PgPoolTest, AReadThatHangsIsRunOnceMoreAndMeanwhileReadsFail) {
  Gate gate;
  std::atomic<int> runs = 0;
  auto pool = MakePool(4);
  Op& read = AddRead(
      *pool, [&](SqlSession& session, const Items& items) -> absl::Status {
        if (++runs == 1) return absl::DeadlineExceededError("hangs");
        gate.Pass();
        return Echo(session, items);
      });
  Op& write = AddWrite(*pool, Echo);
  read.Submit(1, Soon(), answers_.Next());
  gate.AwaitWaiters(1);
  EXPECT_TRUE(IsStoreUnavailable(Ask(read).status()));
  EXPECT_TRUE(Ask(write).ok());
  gate.Open();
  EXPECT_TRUE(answers_.Await(1)[0].ok());
  EXPECT_TRUE(Ask(read).ok());
  EXPECT_EQ(runs, 3);
}

class HangingWritesTest : public PgPoolTest {
 protected:
  // A pool whose writes hang while `hang_`; two may run at once.
  HangingWritesTest() : pool_(MakePool(4, 1000)) {
    write_ = &AddWrite(
        *pool_,
        [this](SqlSession& session, const Items& items) -> absl::Status {
          ++runs_;
          if (hang_) return absl::DeadlineExceededError("hangs");
          return Echo(session, items);
        });
    read_ = &AddRead(*pool_, Echo);
  }

  std::atomic<bool> hang_ = true;
  std::atomic<int> runs_ = 0;
  std::unique_ptr<PgPool> pool_;
  Op* write_;
  Op* read_;
};

TEST_F(HangingWritesTest, TheyFailAtOnceReadsGoOnAndConnectionsLast) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(IsStoreUnavailable(Ask(*write_).status()));
    EXPECT_TRUE(Ask(*read_).ok());
    clock_.Advance(absl::Seconds(1));
  }
  // Two that may write at once and one more; each run is a connection that the
  // database may still be busy with.
  EXPECT_EQ(runs_, 3);
  EXPECT_LE(database_.open, 3 + 4);
  EXPECT_FALSE(AskPing(*pool_).ok());
}

TEST_F(HangingWritesTest, OneThatIsAnsweredOpensTheWay) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(Ask(*write_).ok());
    clock_.Advance(absl::Seconds(1));
  }
  hang_ = false;
  EXPECT_FALSE(Ask(*write_).ok()) << "nothing has shown that it is over";
  database_.settled = true;
  while (!Ask(*write_).ok()) std::this_thread::yield();
  EXPECT_TRUE(AskPing(*pool_).ok());
}

TEST_F(HangingWritesTest, AProbeOverANewConnectionOpensTheWay) {
  EXPECT_FALSE(Ask(*write_).ok());
  hang_ = false;
  clock_.Advance(absl::Seconds(1));
  while (!Ask(*write_).ok()) std::this_thread::yield();
}

TEST_F(HangingWritesTest, ADatabaseThatWasAwayIsAnotherOne) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(Ask(*write_).ok());
    clock_.Advance(absl::Seconds(1));
  }
  hang_ = false;
  // All connections are lost, and none is to be had for a while.
  database_.reachable = false;
  Op& lost = AddRead(*pool_, [](SqlSession&, const Items&) {
    return absl::UnavailableError("lost");
  });
  do {
    EXPECT_FALSE(Ask(lost).ok());
  } while (database_.open > 3);
  database_.reachable = true;
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Ask(*read_).ok());
  EXPECT_TRUE(Ask(*write_).ok());
}

// It takes part in what a new connection is needed for.
TEST_F(HangingWritesTest, ProbesDoNotTakeTheLastConnection) {
  database_.most = 3;
  Gate gate;
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(Ask(*write_).ok());
    EXPECT_TRUE(Ask(*read_).ok());
    clock_.Advance(absl::Seconds(20));
  }
  EXPECT_TRUE(Ask(*read_).ok());
  EXPECT_LE(runs_, 3);
}

class ReadOnlyTest : public PgPoolTest {
 protected:
  ReadOnlyTest() : pool_(MakePool(4)) {
    write_ = &AddWrite(
        *pool_,
        [this](SqlSession& session, const Items& items) -> absl::Status {
          ++runs_;
          if (database_.read_only)
            return absl::FailedPreconditionError("25006");
          return Echo(session, items);
        });
    read_ = &AddRead(*pool_, Echo);
  }

  std::atomic<int> runs_ = 0;
  std::unique_ptr<PgPool> pool_;
  Op* write_;
  Op* read_;
};

TEST_F(ReadOnlyTest, WritesFailReadsGoOnAndConnectionsStay) {
  EXPECT_TRUE(Ask(*write_).ok());
  database_.read_only = true;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(IsStoreUnavailable(Ask(*write_).status()));
    EXPECT_TRUE(Ask(*read_).ok());
    EXPECT_FALSE(AskPing(*pool_).ok());
  }
  EXPECT_EQ(runs_, 2);
  // The clock stands still: no try yet of where else one might write.
  EXPECT_LE(database_.connects, 2 * 4);
}

TEST_F(ReadOnlyTest, ThePingSeesItAndSeesItsEnd) {
  EXPECT_TRUE(AskPing(*pool_).ok());
  database_.read_only = true;
  EXPECT_FALSE(AskPing(*pool_).ok());
  EXPECT_TRUE(IsStoreUnavailable(Ask(*write_).status()));
  EXPECT_EQ(runs_, 0);
  database_.read_only = false;
  EXPECT_TRUE(AskPing(*pool_).ok());
  EXPECT_TRUE(Ask(*write_).ok());
}

TEST_F(ReadOnlyTest, ANewConnectionMayLeadToWhereOneCanWrite) {
  database_.read_only = true;
  EXPECT_FALSE(Ask(*write_).ok());
  database_.read_only = false;
  // Nobody asks meanwhile.
  clock_.Advance(absl::Seconds(1));
  while (!Ask(*write_).ok()) std::this_thread::yield();
  EXPECT_EQ(runs_, 2);
}

}  // namespace
}  // namespace wxident

#include "server/store/postgres/pg_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <set>

#include "absl/strings/match.h"
#include "server/identity/error.h"
#include "server/store/postgres/pg_operation.h"
#include "tests/base/fake_clock.h"

namespace wxident {
namespace {

// Counts of what a database saw, and what it shall answer.
struct FakeDatabase {
  std::atomic<int> connects = 0;
  std::atomic<bool> reachable = true;
};

class FakeSession final : public SqlSession {
 public:
  absl::StatusOr<SqlRows> Execute(const char*,
                                  const std::vector<std::string>&) override {
    return SqlRows();
  }
  absl::Status Transact(absl::FunctionRef<absl::Status()> steps) override {
    return steps();
  }
};

class FakeConnector final : public SqlConnector {
 public:
  explicit FakeConnector(FakeDatabase& database) : database_(database) {}
  absl::StatusOr<std::unique_ptr<SqlSession>> Connect() override {
    ++database_.connects;
    if (!database_.reachable) return absl::UnavailableError("down");
    return std::make_unique<FakeSession>();
  }

 private:
  FakeDatabase& database_;
};

// A gate that a run waits at until the test opens it.
class Gate {
 public:
  void Open() {
    std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void AwaitWaiter() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

// Collects answers and waits for them.
class Answers {
 public:
  Done<int> Next() {
    return [this](absl::StatusOr<int> answer) {
      std::lock_guard<std::mutex> lock(mutex_);
      all_.push_back(std::move(answer));
      changed_.notify_all();
    };
  }
  std::vector<absl::StatusOr<int>> Await(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return all_.size() >= count; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<absl::StatusOr<int>> all_;
};

using Items = PgItems<int, int>;
using Op = PgOperation<int, int>;

absl::Status Echo(SqlSession&, const Items& items) {
  for (auto* item : items) item->out = item->in;
  return absl::OkStatus();
}

class PgPoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<PgPool> MakePool(int workers, int queue_limit = 100) {
    PgPool::Options options;
    options.workers = workers;
    options.queue_limit = queue_limit;
    return std::make_unique<PgPool>(std::make_unique<FakeConnector>(database_),
                                    options, clock_, metrics_);
  }
  Deadline Soon() { return Deadline::After(absl::Seconds(5), clock_); }

  FakeDatabase database_;
  FakeClock clock_;
  Metrics metrics_;
  Answers answers_;
};

TEST_F(PgPoolTest, WhatWaitsGoesInBatchesOfALimitedSize) {
  Gate gate;
  std::vector<size_t> sizes;
  auto pool = MakePool(1, 200);
  Op& op = AddPgOperation<int, int>(
      *pool, "op", [&](SqlSession& session, const Items& items) {
        sizes.push_back(items.size());
        if (sizes.size() == 1) gate.Pass();
        return Echo(session, items);
      });
  op.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiter();
  for (int i = 1; i <= 100; ++i) op.Submit(i, Soon(), answers_.Next());
  gate.Open();
  std::set<int> seen;
  for (const auto& answer : answers_.Await(101)) seen.insert(answer.value());
  EXPECT_EQ(seen.size(), 101u);
  EXPECT_EQ(sizes, std::vector<size_t>({1, 64, 36}));
}

TEST_F(PgPoolTest, AFullQueueIsSaidAtOnce) {
  Gate gate;
  auto pool = MakePool(1, 2);
  Op& op = AddPgOperation<int, int>(
      *pool, "op", [&](SqlSession& session, const Items& items) {
        gate.Pass();
        return Echo(session, items);
      });
  op.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiter();
  op.Submit(1, Soon(), answers_.Next());
  op.Submit(2, Soon(), answers_.Next());
  op.Submit(3, Soon(), answers_.Next());
  const auto first = answers_.Await(1);
  EXPECT_TRUE(HasReason(first[0].status(), Reason::kOverloaded));
  gate.Open();
  answers_.Await(4);
}

TEST_F(PgPoolTest, WhatExpiredWhileWaitingDoesNotReachTheDatabase) {
  Gate gate;
  std::vector<int> ran;
  auto pool = MakePool(1);
  Op& op = AddPgOperation<int, int>(
      *pool, "op", [&](SqlSession& session, const Items& items) {
        if (ran.empty()) gate.Pass();
        for (auto* item : items) ran.push_back(item->in);
        return Echo(session, items);
      });
  op.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiter();
  op.Submit(1, Deadline::After(absl::Seconds(1), clock_), answers_.Next());
  op.Submit(2, Deadline::After(absl::Seconds(9), clock_), answers_.Next());
  clock_.Advance(absl::Seconds(2));
  gate.Open();
  int passed = 0;
  for (const auto& answer : answers_.Await(3))
    passed += HasReason(answer.status(), Reason::kDeadlinePassed);
  EXPECT_EQ(passed, 1);
  pool.reset();
  EXPECT_EQ(ran, std::vector<int>({0, 2}));
}

TEST_F(PgPoolTest, ManyWaitersOfOneKindDoNotStarveAnother) {
  Gate gate;
  std::vector<std::string> order;
  auto pool = MakePool(1, 1000);
  const auto note = [&](const std::string& name) {
    return [&order, &gate, name](SqlSession& session, const Items& items) {
      if (order.empty()) gate.Pass();
      order.push_back(name);
      return Echo(session, items);
    };
  };
  Op& busy = AddPgOperation<int, int>(*pool, "busy", note("busy"));
  Op& rare = AddPgOperation<int, int>(*pool, "rare", note("rare"));
  busy.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiter();
  for (int i = 0; i < 500; ++i) busy.Submit(i, Soon(), answers_.Next());
  rare.Submit(0, Soon(), answers_.Next());
  gate.Open();
  answers_.Await(502);
  EXPECT_EQ(order[1], "rare");
}

TEST_F(PgPoolTest, OneBadRowCostsItsNeighboursNothing) {
  Gate gate;
  bool first = true;
  auto pool = MakePool(1);
  Op& op = AddPgOperation<int, int>(
      *pool, "op",
      [&](SqlSession& session, const Items& items) -> absl::Status {
        if (std::exchange(first, false)) gate.Pass();
        for (auto* item : items)
          if (item->in == 13) return absl::InvalidArgumentError("row");
        return Echo(session, items);
      });
  op.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiter();
  for (int i = 10; i < 20; ++i) op.Submit(i, Soon(), answers_.Next());
  gate.Open();
  int good = 0, bad = 0;
  for (const auto& answer : answers_.Await(11)) {
    good += answer.ok();
    bad += HasReason(answer.status(), Reason::kInternalFault);
  }
  EXPECT_EQ(good, 10);
  EXPECT_EQ(bad, 1);
}

TEST_F(PgPoolTest, ALostConnectionIsReplacedOnceAndTheRunRepeated) {
  std::atomic<int> runs = 0;
  auto pool = MakePool(1);
  Op& op = AddPgOperation<int, int>(
      *pool, "op",
      [&](SqlSession& session, const Items& items) -> absl::Status {
        if (++runs == 1) return absl::UnavailableError("lost");
        return Echo(session, items);
      });
  op.Submit(5, Soon(), answers_.Next());
  EXPECT_EQ(answers_.Await(1)[0].value(), 5);
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(database_.connects, 2);
}

TEST_F(PgPoolTest, AConnectionLostTwiceIsUnavailable) {
  std::atomic<int> runs = 0;
  auto pool = MakePool(1);
  Op& op =
      AddPgOperation<int, int>(*pool, "op", [&](SqlSession&, const Items&) {
        ++runs;
        return absl::UnavailableError("lost");
      });
  op.Submit(5, Soon(), answers_.Next());
  EXPECT_TRUE(
      HasReason(answers_.Await(1)[0].status(), Reason::kStoreUnavailable));
  EXPECT_EQ(runs, 2);
}

TEST_F(PgPoolTest, ARunIsNotRepeatedForDeadlinesThatHavePassed) {
  std::atomic<int> runs = 0;
  auto pool = MakePool(1);
  Op& op =
      AddPgOperation<int, int>(*pool, "op", [&](SqlSession&, const Items&) {
        ++runs;
        clock_.Advance(absl::Minutes(1));
        return absl::UnavailableError("lost");
      });
  op.Submit(5, Soon(), answers_.Next());
  EXPECT_TRUE(
      HasReason(answers_.Await(1)[0].status(), Reason::kDeadlinePassed));
  EXPECT_EQ(runs, 1);
}

TEST_F(PgPoolTest, ConflictsAreRunAgainThreeTimes) {
  std::atomic<int> runs = 0;
  std::atomic<int> conflicts = 3;
  auto pool = MakePool(1);
  Op& op = AddPgOperation<int, int>(
      *pool, "op",
      [&](SqlSession& session, const Items& items) -> absl::Status {
        if (runs++ < conflicts) return absl::AbortedError("conflict");
        return Echo(session, items);
      });
  op.Submit(1, Soon(), answers_.Next());
  EXPECT_TRUE(answers_.Await(1)[0].ok());
  EXPECT_EQ(runs, 4);
  runs = 0;
  conflicts = 100;
  op.Submit(1, Soon(), answers_.Next());
  EXPECT_TRUE(
      HasReason(answers_.Await(2)[1].status(), Reason::kStoreUnavailable));
  EXPECT_EQ(runs, 4);
}

TEST_F(PgPoolTest, AnUnreachableDatabaseIsTriedAgainEverLater) {
  database_.reachable = false;
  auto pool = MakePool(1);
  Op& op = AddPgOperation<int, int>(*pool, "op", Echo);
  size_t asked = 0;
  const auto ask = [&] {
    op.Submit(1, Soon(), answers_.Next());
    return answers_.Await(++asked).back().status();
  };
  EXPECT_TRUE(HasReason(ask(), Reason::kStoreUnavailable));
  EXPECT_TRUE(HasReason(ask(), Reason::kStoreUnavailable));
  EXPECT_EQ(database_.connects, 1);
  clock_.Advance(absl::Milliseconds(50));
  ask();
  EXPECT_EQ(database_.connects, 2);
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(absl::Seconds(1));
    ask();
  }
  EXPECT_EQ(database_.connects, 12);
  // However long it was gone, a second after it is back so are we.
  database_.reachable = true;
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(ask().ok());
}

TEST_F(PgPoolTest, TheEndFinishesWhatWaits) {
  Gate gate;
  auto pool = MakePool(2);
  Op& op = AddPgOperation<int, int>(
      *pool, "op", [&](SqlSession& session, const Items& items) {
        gate.Pass();
        return Echo(session, items);
      });
  for (int i = 0; i < 50; ++i) op.Submit(i, Soon(), answers_.Next());
  gate.AwaitWaiter();
  gate.Open();
  pool.reset();
  for (const auto& answer : answers_.Await(50)) EXPECT_TRUE(answer.ok());
}

TEST_F(PgPoolTest, ManyThreadsGetEachTheirOwnAnswer) {
  auto pool = MakePool(4, 100000);
  Op& one = AddPgOperation<int, int>(*pool, "one", Echo);
  Op& two = AddPgOperation<int, int>(*pool, "two", Echo);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const int in = t * 1000 + i;
        (i % 2 == 0 ? one : two)
            .Submit(in, Soon(), [&wrong, in](absl::StatusOr<int> out) {
              wrong += !out.ok() || *out != in;
            });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  pool.reset();
  EXPECT_EQ(wrong, 0);
}

TEST_F(PgPoolTest, PingSaysWhetherTheDatabaseAnswers) {
  auto pool = MakePool(1);
  const auto ping = [&] {
    pool->Ping(Soon(), [done = answers_.Next()](absl::Status status) mutable {
      if (status.ok())
        std::move(done)(1);
      else
        std::move(done)(status);
    });
  };
  ping();
  EXPECT_TRUE(answers_.Await(1)[0].ok());
}

TEST_F(PgPoolTest, MetricsNameOperationsAndOutcomes) {
  auto pool = MakePool(1);
  Op& op = AddPgOperation<int, int>(*pool, "op", Echo);
  op.Submit(1, Soon(), answers_.Next());
  op.Submit(1, Deadline::After(-absl::Seconds(1), clock_), answers_.Next());
  answers_.Await(2);
  pool.reset();
  const std::string text = metrics_.Text();
  EXPECT_TRUE(absl::StrContains(
      text,
      R"(wxident_store_operation_seconds_count{operation="op",outcome="OK"} 1)"));
  EXPECT_TRUE(absl::StrContains(text, R"(outcome="DEADLINE_PASSED"} 1)"));
  EXPECT_TRUE(absl::StrContains(
      text, R"(wxident_store_queue_depth{operation="op"} 0)"));
}

}  // namespace
}  // namespace wxident

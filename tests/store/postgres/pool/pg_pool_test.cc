#include <functional>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "tests/store/postgres/pool/pg_pool_fixture.h"

namespace wxident {
namespace {

TEST_F(PgPoolTest, WhatWaitsGoesInBatchesOfALimitedSize) {
  Gate gate;
  std::vector<size_t> sizes;
  auto pool = MakePool(1, 200);
  Op& op =
      AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "op",
                               [&](SqlSession& session, const Items& items) {
                                 sizes.push_back(items.size());
                                 if (sizes.size() == 1) gate.Pass();
                                 return Echo(session, items);
                               });
  op.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiters(1);
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
  Op& op =
      AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "op",
                               [&](SqlSession& session, const Items& items) {
                                 gate.Pass();
                                 return Echo(session, items);
                               });
  op.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiters(1);
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
  Op& op =
      AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "op",
                               [&](SqlSession& session, const Items& items) {
                                 if (ran.empty()) gate.Pass();
                                 for (auto* item : items)
                                   ran.push_back(item->in);
                                 return Echo(session, items);
                               });
  op.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiters(1);
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
  Op& busy = AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "busy",
                                      note("busy"));
  Op& rare = AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "rare",
                                      note("rare"));
  busy.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiters(1);
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
      *pool, PgPool::Access::kRead, "op",
      [&](SqlSession& session, const Items& items) -> absl::Status {
        if (std::exchange(first, false)) gate.Pass();
        for (auto* item : items)
          if (item->in == 13) return absl::InvalidArgumentError("row");
        return Echo(session, items);
      });
  op.Submit(0, Soon(), answers_.Next());
  gate.AwaitWaiters(1);
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
      *pool, PgPool::Access::kRead, "op",
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
  Op& op = AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "op",
                                    [&](SqlSession&, const Items&) {
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
  Op& op = AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "op",
                                    [&](SqlSession&, const Items&) {
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
      *pool, PgPool::Access::kRead, "op",
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
  Op& op = AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "op", Echo);
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
  Op& op =
      AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "op",
                               [&](SqlSession& session, const Items& items) {
                                 gate.Pass();
                                 return Echo(session, items);
                               });
  for (int i = 0; i < 50; ++i) op.Submit(i, Soon(), answers_.Next());
  gate.AwaitWaiters(1);
  gate.Open();
  pool.reset();
  for (const auto& answer : answers_.Await(50)) EXPECT_TRUE(answer.ok());
}

TEST_F(PgPoolTest, ManyThreadsGetEachTheirOwnAnswer) {
  auto pool = MakePool(4, 100000);
  Op& one = AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "one", Echo);
  Op& two = AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "two", Echo);
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
  EXPECT_TRUE(AskPing(*pool).ok());
}

TEST_F(PgPoolTest, MetricsNameOperationsAndOutcomes) {
  auto pool = MakePool(1);
  Op& op = AddPgOperation<int, int>(*pool, PgPool::Access::kRead, "op", Echo);
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

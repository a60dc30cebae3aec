// Several replicas over one store.

#include "tests/keeper/replicas.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/keeper/token_manager.h"

namespace wxident {
namespace {

class KeeperReplicasTest : public testing::TestWithParam<const char*> {
 protected:
  using Answer = Replicas::Answer;

  bool IsStable() { return GetParam() == std::string(Replicas::kStable); }
  std::string Token(int i) { return world_.Token(GetParam(), i); }
  Answer Get(int i, const std::optional<Secret>& rejected = std::nullopt) {
    return world_.Get(GetParam(), i, rejected);
  }
  int fetches() { return world_.wechat.fetches(); }
  // All replicas have what the first one has.
  void ExpectAgreement() {
    const Answer first = Get(0);
    ASSERT_TRUE(first.ok()) << first.status();
    for (int i = 1; i < world_.count(); ++i) {
      const Answer other = Get(i);
      ASSERT_TRUE(other.ok()) << other.status();
      EXPECT_EQ(other->token.Expose(), first->token.Expose());
      EXPECT_EQ(other->generation, first->generation);
      EXPECT_EQ(other->expires_at, first->expires_at);
    }
  }

  Replicas world_{3};
};

TEST_P(KeeperReplicasTest, OneFetchesForAll) {
  ASSERT_NE(Token(1), "");
  ExpectAgreement();
  EXPECT_EQ(fetches(), 1);
}

TEST_P(KeeperReplicasTest, OneFetchPerEpoch) {
  Token(0);
  for (int epoch = 2; epoch < 12; ++epoch) {
    world_.wechat.RotateToken();
    world_.Pass(absl::Minutes(119));
    ExpectAgreement();
    EXPECT_GE(Get(0)->generation, epoch);
    EXPECT_EQ(fetches(), Get(0)->generation);
  }
}

TEST_P(KeeperReplicasTest, WaitsForTheReplicaThatFetches) {
  world_.wechat.Hold();
  auto first = world_.Ask(GetParam(), 0);
  auto second = world_.Ask(GetParam(), 1);
  world_.Pass(absl::Seconds(3));
  EXPECT_FALSE(second->has_value());
  EXPECT_EQ(fetches(), 1);
  world_.wechat.Release();
  world_.Pass(absl::Seconds(1));
  ASSERT_TRUE(second->has_value() && (*second)->ok());
  EXPECT_EQ((**second)->token.Expose(), (**first)->token.Expose());
  EXPECT_EQ(fetches(), 1);
}

TEST_P(KeeperReplicasTest, EveryReplicaHearsOfANewTokenWithinASecond) {
  const std::string old = Token(0);
  ExpectAgreement();
  ASSERT_TRUE(Get(0, Secret(old)).ok());
  world_.Hear();
  for (int i = 0; i < world_.count(); ++i) EXPECT_NE(Token(i), old);
  ExpectAgreement();
}

TEST_P(KeeperReplicasTest, AReportOfAnOlderTokenByAnotherReplicaIsNoFetch) {
  const Secret old = Get(0)->token;
  ExpectAgreement();
  ASSERT_TRUE(Get(0, old).ok());
  const int before = fetches();
  // These have not heard of the new one yet.
  for (int i = 1; i < world_.count(); ++i)
    EXPECT_EQ(Get(i, old)->generation, 2);
  EXPECT_EQ(fetches(), before);
}

TEST_P(KeeperReplicasTest, AReportOfATokenThatThisReplicaHasNotHeardOf) {
  Token(0);
  ExpectAgreement();
  const Secret newest = Get(0, Get(0)->token)->token;
  world_.clock.Advance(absl::Seconds(31));
  // Replica 1 still holds generation 1; its caller had 2 from elsewhere.
  const Answer answer = Get(1, newest);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->generation, 3);
}

TEST_P(KeeperReplicasTest, AReplicaThatIsGoneIsSucceededWhenItsLeaseEnds) {
  const std::string old = Token(0);
  world_.Pass(absl::Hours(2) - absl::Minutes(7));
  // A fourth replica takes the lease and is never heard of again.
  FakeCredentialStore gone(world_.data);
  LeaseRequest request;
  request.key = {GetParam(), IsStable() ? CredentialKind::kStableToken
                                        : CredentialKind::kOrdinaryToken};
  request.known_generation = 1;
  request.replace = true;
  request.term = absl::Seconds(10);
  request.attempt = std::string(16, 'x');
  bool granted = false;
  gone.Acquire(request, Deadline::After(absl::Seconds(1), world_.clock),
               [&](absl::StatusOr<LeaseAnswer> answer) {
                 granted = answer.ok() && answer->fence.has_value();
               });
  ASSERT_TRUE(granted);
  world_.wechat.RotateToken();
  world_.Pass(absl::Seconds(9));
  EXPECT_EQ(fetches(), 1);
  EXPECT_EQ(Token(1), old);
  world_.Pass(absl::Seconds(2));
  EXPECT_EQ(fetches(), 2);
  EXPECT_NE(Token(1), old);
  ExpectAgreement();
}

TEST_P(KeeperReplicasTest, ALateWriterLoses) {
  world_.wechat.Hold();
  auto late = world_.Ask(GetParam(), 0);
  world_.Pass(absl::Seconds(11));
  // Its lease is over; the next one is not held back.
  auto next = world_.Ask(GetParam(), 1);
  world_.Pass(absl::Seconds(1));
  EXPECT_EQ(fetches(), 2);
  world_.wechat.Release();
  world_.Pass(absl::Seconds(2));
  ASSERT_TRUE(late->has_value() && (*late)->ok());
  ASSERT_TRUE(next->has_value() && (*next)->ok());
  ExpectAgreement();
  // Of two ordinary tokens nobody knows which one lives: a third ends that.
  EXPECT_EQ(fetches(), IsStable() ? 2 : 3);
  EXPECT_EQ(Token(2), IsStable() ? "token_1" : "token_3") << "the newest";
}

TEST_P(KeeperReplicasTest, ALateWriterWithoutTheStoreKeepsTheSuccessorsToken) {
  world_.wechat.Hold();
  auto late = world_.Ask(GetParam(), 0);
  world_.Pass(absl::Seconds(11));
  // A fourth replica succeeds it; stable_token gives both the same.
  FakeCredentialStore fourth(world_.data);
  LeaseRequest request;
  request.key = {GetParam(), IsStable() ? CredentialKind::kStableToken
                                        : CredentialKind::kOrdinaryToken};
  request.term = absl::Seconds(10);
  request.attempt = std::string(16, 'x');
  const Deadline deadline = Deadline::After(absl::Seconds(1), world_.clock);
  fourth.Acquire(request, deadline, [&](absl::StatusOr<LeaseAnswer> answer) {
    ASSERT_TRUE(answer.ok() && answer->fence.has_value());
    fourth.Save(request.key, *answer->fence, 0,
                {Secret(IsStable() ? "token_1" : "of the fourth"),
                 absl::Hours(2), absl::Hours(1)},
                deadline, [](absl::StatusOr<SaveAnswer> saved) {
                  EXPECT_TRUE(saved.ok() && saved->kept);
                });
  });
  world_.Hear();
  world_.store(0).FailWith(StoreAway());
  world_.wechat.Release();
  ASSERT_TRUE(late->has_value() && (*late)->ok());
  EXPECT_EQ((**late)->generation, 1);
  world_.store(0).FailWith(absl::OkStatus());
  world_.Pass(absl::Seconds(2));
  ExpectAgreement();
  EXPECT_EQ(fetches(), IsStable() ? 1 : 2);
  EXPECT_EQ(Get(0)->generation, IsStable() ? 1 : 2);
}

TEST_P(KeeperReplicasTest, ManyReportsOnAllReplicasMakeOneRefresh) {
  const Secret dead = Get(0)->token;
  ExpectAgreement();
  const int before = fetches();
  std::atomic<int> fresh{0};
  std::vector<std::thread> callers;
  for (int n = 0; n < 60; ++n)
    callers.emplace_back([&, n] {
      world_.keeper(n % 3).Get(
          world_.app(GetParam()), dead, world_.Later(), [&](Answer answer) {
            fresh += answer.ok() && !(answer->token == dead) ? 1 : 0;
          });
    });
  for (std::thread& caller : callers) caller.join();
  world_.Pass(absl::Seconds(1));
  EXPECT_EQ(fresh.load(), 60);
  EXPECT_EQ(fetches() - before, IsStable() ? 2 : 1);
  EXPECT_EQ(Get(0)->generation, 2);
  ExpectAgreement();
}

// The store goes away.

TEST_P(KeeperReplicasTest, WhileTheStoreIsAwayMemoryServes) {
  const std::string old = Token(0);
  ExpectAgreement();
  for (int i = 0; i < world_.count(); ++i)
    world_.store(i).FailWith(StoreAway());
  world_.Pass(absl::Hours(2) - absl::Seconds(65));
  for (int i = 0; i < world_.count(); ++i) EXPECT_EQ(Token(i), old);
  EXPECT_EQ(fetches(), 1);
}

TEST_P(KeeperReplicasTest, AtTheMarginEachReplicaFetchesOnceForItself) {
  Token(0);
  ExpectAgreement();
  for (int i = 0; i < world_.count(); ++i)
    world_.store(i).FailWith(StoreAway());
  world_.wechat.RotateToken();
  world_.Pass(absl::Hours(2) - absl::Seconds(58));
  for (int second = 0; second < 120; ++second) {
    for (int i = 0; i < world_.count(); ++i) {
      EXPECT_EQ(Get(i)->generation, 0);
      EXPECT_TRUE(Get(i).ok());
    }
    world_.Pass(absl::Seconds(1));
  }
  EXPECT_EQ(fetches(), 1 + world_.count());
  for (int i = 0; i < world_.count(); ++i)
    world_.store(i).FailWith(absl::OkStatus());
  world_.Pass(absl::Seconds(2));
  ExpectAgreement();
  EXPECT_EQ(Get(0)->generation, 2);
  EXPECT_EQ(Token(0), IsStable() ? "token_2" : "token_6") << "the newest";
  EXPECT_EQ(fetches(), 2 + world_.count());
}

TEST_P(KeeperReplicasTest, ATokenThatCouldNotBeSavedIsSavedLater) {
  world_.wechat.Hold();
  auto answer = world_.Ask(GetParam(), 0);
  world_.store(0).FailWith(StoreAway());
  world_.wechat.Release();
  ASSERT_TRUE(answer->has_value() && (*answer)->ok())
      << "readers need not wait for the store";
  EXPECT_EQ((**answer)->generation, 0);
  world_.Pass(absl::Seconds(3));
  world_.store(0).FailWith(absl::OkStatus());
  world_.Pass(absl::Seconds(2));
  EXPECT_EQ(Get(0)->generation, 1);
  EXPECT_EQ(Token(0), (**answer)->token.Expose());
  ExpectAgreement();
  EXPECT_EQ(fetches(), 1);
}

TEST_P(KeeperReplicasTest, AReplicaWithoutTheStoreDoesNotForce) {
  const Secret token = Get(0)->token;
  world_.store(0).FailWith(StoreAway());
  EXPECT_TRUE(HasReason(Get(0, token).status(), Reason::kStoreUnavailable));
  EXPECT_EQ(fetches(), 1);
  EXPECT_EQ(Token(0), token.Expose()) << "for who has no complaint";
}

// Replies that get lost.

TEST_P(KeeperReplicasTest, ALostReplyIsFollowedByAnotherFetch) {
  world_.wechat.FailNext(Lost());
  EXPECT_EQ(world_.ReasonOfGet(GetParam()), Reason::kOutcomeUnknown);
  world_.Pass(absl::Seconds(2));
  ASSERT_NE(Token(0), "");
  ExpectAgreement();
  EXPECT_EQ(fetches(), 2);
}

TEST_P(KeeperReplicasTest, LostRepliesDoNotBurnTheBudget) {
  Token(0);
  world_.Pass(absl::Hours(2));
  for (int i = 0; i < 5000; ++i) world_.wechat.FailNext(Lost());
  const int before = fetches();
  for (int minute = 0; minute < 3 * 60; ++minute) {
    for (int i = 0; i < world_.count(); ++i) Get(i);
    world_.Pass(absl::Minutes(1));
  }
  // Two minutes apart for cgi-bin/token; stable_token counts no repetition.
  EXPECT_LE(fetches() - before, IsStable() ? 3 * 120 + 6 : 3 * 30 + 8);
}

INSTANTIATE_TEST_SUITE_P(BothModes, KeeperReplicasTest,
                         testing::Values(Replicas::kStable,
                                         Replicas::kOrdinary));

TEST(KeeperLostReplies,
     AfterALostForcedReplyTheNewTokenIsAskedForWithoutForce) {
  Replicas world;
  const Secret refused = world.Get(Replicas::kStable)->token;
  // The plain fetch gives the refused token again; the reply to the forced one
  // is lost after WeChat has done it.
  world.wechat.FailNextAt("token", absl::OkStatus());
  world.wechat.FailNextAt("token", Lost());
  EXPECT_FALSE(world.Get(Replicas::kStable, 0, refused).ok());
  world.wechat.RotateToken();
  world.Pass(absl::Seconds(2));
  const Replicas::Answer answer = world.Get(Replicas::kStable, 0, refused);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->generation, 2);
  EXPECT_EQ(world.wechat.forced_fetches(), 0);
}

TEST(KeeperLostReplies, AnOrdinaryTokenMayDieAfterALostReply) {
  Replicas world;
  const Replicas::Answer old = world.Get(Replicas::kOrdinary);
  for (int i = 0; i < 100; ++i) world.wechat.FailNext(Lost());
  world.Refresh(Replicas::kOrdinary);
  world.Hear();
  EXPECT_LE(world.Get(Replicas::kOrdinary)->expires_at,
            world.clock.Now() + absl::Minutes(5));
}

TEST(KeeperTickets, ATicketIsKeptLikeAToken) {
  Replicas world(2);
  std::vector<std::string> tickets;
  for (int i = 0; i < 2; ++i)
    for (int n = 0; n < 5; ++n)
      world.keeper(i).GetTicket(world.app(Replicas::kAccount), world.Later(),
                                [&](Replicas::Answer ticket) {
                                  ASSERT_TRUE(ticket.ok()) << ticket.status();
                                  tickets.push_back(ticket->token.Expose());
                                });
  ASSERT_EQ(tickets.size(), 10u);
  for (const std::string& ticket : tickets) EXPECT_EQ(ticket, tickets[0]);
  EXPECT_EQ(world.wechat.calls("getticket"), 1);
  EXPECT_EQ(world.wechat.fetches(), 1);
}

TEST(KeeperTickets, ARefusedTokenIsRepairedOnTheWay) {
  Replicas world;
  const std::string token = world.Token(Replicas::kAccount);
  world.wechat.RefuseToken(token);
  bool got = false;
  world.keeper().GetTicket(world.app(Replicas::kAccount), world.Later(),
                           [&](Replicas::Answer ticket) { got = ticket.ok(); });
  EXPECT_TRUE(got);
  EXPECT_NE(world.Token(Replicas::kAccount), token);
}

}  // namespace
}  // namespace wxident

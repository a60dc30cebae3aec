#include "server/front/ip_ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace wxident {
namespace {

constexpr char kIp[] = "192.0.2.1";
constexpr char kOther[] = "192.0.2.2";
constexpr absl::Duration kMoment = absl::Nanoseconds(1);

class IpLedgerTest : public ::testing::Test {
 protected:
  // One on which calls are answered.
  bool Admits(const std::string& ip, absl::Duration now = absl::Hours(1)) {
    const std::shared_ptr<IpCounts> counts = ledger_.Admit(ip, now);
    if (counts == nullptr) return false;
    ++counts->useful;
    return true;
  }
  bool AdmitsUseless(absl::Duration now) {
    return ledger_.Admit(kIp, now) != nullptr;
  }

  IpLedger ledger_;
};

TEST_F(IpLedgerTest, AnIpHasABound) {
  for (int i = 0; i < IpLedger::kMaxConnectionsPerIp; ++i)
    ASSERT_TRUE(Admits(kIp));
  EXPECT_FALSE(Admits(kIp));
  EXPECT_TRUE(Admits(kOther));
  EXPECT_EQ(ledger_.connections(), IpLedger::kMaxConnectionsPerIp + 1);
  // What another leaves is not for this one.
  ledger_.Leave(kOther);
  EXPECT_FALSE(Admits(kIp));
  ledger_.Leave(kIp);
  EXPECT_TRUE(Admits(kIp));
  EXPECT_FALSE(Admits(kIp));
}

TEST_F(IpLedgerTest, AllIpsHaveABoundTogether) {
  for (int i = 0; i < IpLedger::kMaxConnections; ++i)
    ASSERT_TRUE(Admits(absl::StrCat("198.51.100.", i % 100)));
  EXPECT_FALSE(Admits(kIp));
  EXPECT_EQ(ledger_.connections(), IpLedger::kMaxConnections);
  ledger_.Leave("198.51.100.7");
  EXPECT_TRUE(Admits(kIp));
  EXPECT_FALSE(Admits(kOther));
}

TEST_F(IpLedgerTest, AnIpOnProbationGetsOneConnectionEachWhile) {
  const absl::Duration start = absl::Hours(1);
  // Those that it has already stay.
  ASSERT_TRUE(Admits(kIp, start));
  ASSERT_TRUE(Admits(kIp, start));
  ledger_.Punish(kIp, start);
  EXPECT_EQ(ledger_.connections(), 2);
  for (int i = 1; i <= 10; ++i) {
    const absl::Duration now = start + i * IpLedger::kLeastWhile;
    EXPECT_FALSE(Admits(kIp, now - kMoment));
    EXPECT_TRUE(Admits(kIp, now));
    EXPECT_FALSE(Admits(kIp, now));
    // The refused ones do not put it off.
  }
  // It is not saved up.
  const absl::Duration later = start + absl::Seconds(5);
  EXPECT_TRUE(Admits(kIp, later));
  EXPECT_FALSE(Admits(kIp, later));
  // Neither does it matter that one has left.
  ledger_.Leave(kIp);
  EXPECT_FALSE(Admits(kIp, later));
}

TEST_F(IpLedgerTest, WhoHasTooManyKeepsItsTurn) {
  for (int i = 0; i < IpLedger::kMaxConnectionsPerIp; ++i)
    ASSERT_TRUE(Admits(kIp, {}));
  ledger_.Punish(kIp, {});
  EXPECT_FALSE(Admits(kIp, IpLedger::kLeastWhile));
  ledger_.Leave(kIp);
  EXPECT_TRUE(Admits(kIp, IpLedger::kLeastWhile));
}

TEST_F(IpLedgerTest, EachCutDoublesTheWhileUpToABound) {
  const absl::Duration start = absl::Hours(1);
  absl::Duration due = absl::Milliseconds(250);
  for (int cuts = 1; cuts <= 10; ++cuts) {
    const std::string ip = absl::StrCat("198.51.100.", cuts);
    for (int i = 0; i < cuts; ++i) ledger_.Punish(ip, start);
    EXPECT_FALSE(Admits(ip, start + due - kMoment)) << cuts;
    EXPECT_TRUE(Admits(ip, start + due)) << cuts;
    EXPECT_FALSE(Admits(ip, start + due)) << cuts;
    due = std::min(2 * due, absl::Seconds(8));
  }
}

TEST_F(IpLedgerTest, ProbationIsOverInTime) {
  const absl::Duration start = absl::Hours(1);
  ledger_.Punish(kIp, start);
  const absl::Duration end = start + IpLedger::kProbation;
  EXPECT_TRUE(Admits(kIp, end));
  EXPECT_FALSE(Admits(kIp, end));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Admits(kIp, end + kMoment));
}

TEST_F(IpLedgerTest, ACutProlongsProbation) {
  const absl::Duration start = absl::Hours(1);
  ledger_.Punish(kIp, start);
  const absl::Duration again = start + absl::Seconds(9);
  ledger_.Punish(kIp, again);
  const absl::Duration end = again + IpLedger::kProbation;
  EXPECT_TRUE(Admits(kIp, end));
  EXPECT_FALSE(Admits(kIp, end));
  EXPECT_TRUE(Admits(kIp, end + kMoment));
  EXPECT_TRUE(Admits(kIp, end + kMoment));
}

TEST_F(IpLedgerTest, ACutAfterProbationIsTheFirstOne) {
  const absl::Duration start = absl::Hours(1);
  for (int i = 0; i < 5; ++i) ledger_.Punish(kIp, start);
  const absl::Duration later = start + IpLedger::kProbation + kMoment;
  ledger_.Punish(kIp, later);
  EXPECT_FALSE(Admits(kIp, later + IpLedger::kLeastWhile - kMoment));
  EXPECT_TRUE(Admits(kIp, later + IpLedger::kLeastWhile));
}

TEST_F(IpLedgerTest, ProbationIsOfOneIpAlone) {
  const absl::Duration start = absl::Hours(1);
  ledger_.Punish(kIp, start);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(Admits(kOther, start));
  // That of one does not end that of another.
  ledger_.Punish(kOther, start + absl::Seconds(1));
  EXPECT_TRUE(Admits(kIp, start + absl::Seconds(1)));
  EXPECT_FALSE(Admits(kIp, start + absl::Seconds(1)));
}

TEST_F(IpLedgerTest, ConnectionsWithoutAnAnsweredCallAreFew) {
  const int most = static_cast<int>(IpLedger::kUseless.most);
  const absl::Duration start = absl::Hours(1);
  for (int i = 0; i < most; ++i) ASSERT_TRUE(AdmitsUseless(start));
  EXPECT_FALSE(AdmitsUseless(start));
  EXPECT_TRUE(Admits(kOther, start));
  // Their end changes nothing, a call that is answered on one does.
  for (int i = 0; i < most; ++i) ledger_.Leave(kIp);
  EXPECT_FALSE(AdmitsUseless(start));
  EXPECT_TRUE(AdmitsUseless(start + absl::Seconds(1)));
  const std::shared_ptr<IpCounts> counts =
      ledger_.Admit(kIp, start + absl::Seconds(1));
  ASSERT_NE(counts, nullptr);
  for (int i = 2; i < IpLedger::kUseless.per_second; ++i)
    ASSERT_TRUE(AdmitsUseless(start + absl::Seconds(1)));
  EXPECT_FALSE(AdmitsUseless(start + absl::Seconds(1)));
  counts->useful += 2;
  EXPECT_TRUE(AdmitsUseless(start + absl::Seconds(1)));
  EXPECT_TRUE(AdmitsUseless(start + absl::Seconds(1)));
  EXPECT_FALSE(AdmitsUseless(start + absl::Seconds(1)));
}

TEST_F(IpLedgerTest, ForgetsWhoHasNotComeForLong) {
  const absl::Duration start = absl::Hours(1);
  while (AdmitsUseless(start)) ledger_.Leave(kIp);
  ledger_.Punish(kIp, start);
  const std::weak_ptr<IpCounts> counts = ledger_.Admit(kOther, start);
  ledger_.Leave(kOther);
  EXPECT_FALSE(counts.expired());
  EXPECT_TRUE(Admits(kIp, start + absl::Minutes(3)));
  EXPECT_TRUE(counts.expired());
}

TEST_F(IpLedgerTest, ConnectionsOfAnIpCountTogether) {
  const std::shared_ptr<IpCounts> first = ledger_.Admit(kIp, {});
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(ledger_.Admit(kIp, {}), first);
  EXPECT_NE(ledger_.Admit(kOther, {}), first);
  ledger_.Leave(kIp);
  EXPECT_EQ(ledger_.Admit(kIp, {}), first);
}

TEST_F(IpLedgerTest, ToWaitUntilEmptyMayBeShort) {
  EXPECT_TRUE(ledger_.WaitUntilEmpty(absl::ZeroDuration()));
  ASSERT_TRUE(Admits(kIp));
  ASSERT_TRUE(Admits(kOther));
  EXPECT_FALSE(ledger_.WaitUntilEmpty(absl::ZeroDuration()));
  EXPECT_FALSE(ledger_.WaitUntilEmpty(absl::Milliseconds(1)));
  ledger_.Leave(kIp);
  EXPECT_FALSE(ledger_.WaitUntilEmpty(absl::Milliseconds(1)));
  ledger_.Leave(kOther);
  EXPECT_TRUE(ledger_.WaitUntilEmpty(absl::ZeroDuration()));
}

TEST_F(IpLedgerTest, TheLastToLeaveWakesWhoWaits) {
  // Often, as the other thread may be the first.
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Admits(kIp));
    ASSERT_TRUE(Admits(kOther));
    std::thread leaver([this] {
      ledger_.Leave(kIp);
      ledger_.Leave(kOther);
    });
    // Far longer than the test may take.
    EXPECT_TRUE(ledger_.WaitUntilEmpty(absl::Hours(1)));
    leaver.join();
  }
}

TEST_F(IpLedgerTest, ManyThreadsComeAndGo) {
  const std::vector<std::string> ips = {kIp, kOther, "192.0.2.3"};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < 2000; ++turn) {
        const std::string& ip = ips[(i + turn) % ips.size()];
        const std::shared_ptr<IpCounts> counts =
            ledger_.Admit(ip, absl::Hours(1));
        ASSERT_NE(counts, nullptr);
        ++counts->useful;
        EXPECT_GT(ledger_.connections(), 0);
        ledger_.Punish("192.0.2.4", absl::Hours(1));
        ledger_.Leave(ip);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ledger_.connections(), 0);
  EXPECT_TRUE(ledger_.WaitUntilEmpty(absl::ZeroDuration()));
}

}  // namespace
}  // namespace wxident

#include "server/policy/access_control.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/identity/error.h"
#include "tests/base/fake_clock.h"

namespace wxident {
namespace {

constexpr char kOrders[] = "spiffe://corp/orders";
constexpr char kTeamA[] = "spiffe://corp/team/a";

class AccessControlTest : public testing::Test {
 protected:
  // OK, or why not.
  std::string Admit(const std::string& caller, absl::string_view method) {
    return ReasonOf(access_.Admit(caller, method).status());
  }
  static std::string ReasonOf(const absl::Status& status) {
    return status.ok() ? "OK"
                       : std::string(ReasonName(DetailsOf(status).reason));
  }
  // How long a refused caller is told to wait.
  absl::Duration WaitOf(const std::string& caller) {
    const absl::Status status = access_.Admit(caller, "Login").status();
    EXPECT_TRUE(HasReason(status, Reason::kCallerRateLimited)) << status;
    return DetailsOf(status).retry_after.value_or(absl::InfiniteDuration());
  }
  bool HasMetric(const std::string& line) {
    return absl::StrContains(metrics_.Text(), absl::StrCat("\n", line, "\n"));
  }

  FakeClock clock_;
  Metrics metrics_;
  AccessControl access_{Policy(), clock_, metrics_};
};

Policy::Row Row(const std::string& caller, std::set<std::string> methods,
                std::set<std::string> apps = {}) {
  return {caller, std::move(methods), std::move(apps)};
}

Policy Limited(const std::string& caller, double rate, double burst,
               int concurrency) {
  return {.allow = {Row("spiffe://corp/*", {"Login"})},
          .limits = {{caller, rate, burst, concurrency}}};
}

TEST_F(AccessControlTest, NothingIsAllowedThatNoRowAllows) {
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(Admit("", ""), "CALLER_NOT_ALLOWED");
  access_.Replace({.allow = {Row(kOrders, {"Login"})}});
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit(kOrders, "login"), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(Admit(kOrders, "GetUser"), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(Admit(kTeamA, "Login"), "CALLER_NOT_ALLOWED");
}

TEST_F(AccessControlTest, AnAdmissionAllowsTheRowsApps) {
  access_.Replace({.allow = {Row(kOrders, {"Login"}, {"wx1", "wx2"}),
                             Row(kOrders, {"GetUser"})}});
  absl::StatusOr<Admission> login = access_.Admit(kOrders, "Login");
  ASSERT_TRUE(login.ok());
  EXPECT_TRUE(login->Allows("wx1"));
  EXPECT_TRUE(login->Allows("wx2"));
  EXPECT_FALSE(login->Allows("wx3"));
  EXPECT_FALSE(login->Allows(""));
  EXPECT_FALSE(login->AllowsEveryApp());
  absl::StatusOr<Admission> get_user = access_.Admit(kOrders, "GetUser");
  ASSERT_TRUE(get_user.ok());
  EXPECT_TRUE(get_user->Allows("wx3"));
  EXPECT_TRUE(get_user->AllowsEveryApp());

  EXPECT_TRUE(access_.Allows(kOrders, "Login", "wx1"));
  EXPECT_FALSE(access_.Allows(kOrders, "Login", "wx3"));
  EXPECT_FALSE(access_.Allows(kOrders, "Erase", "wx1"));
  EXPECT_FALSE(access_.Allows(kTeamA, "Login", "wx1"));
}

TEST_F(AccessControlTest, RowsThatFitAddUp) {
  access_.Replace({.allow = {Row("spiffe://corp/*", {"Login"}, {"wx1"}),
                             Row("spiffe://corp/team/*", {"Login"}, {"wx2"}),
                             Row("spiffe://other/*", {"Login"})}});
  const absl::StatusOr<Admission> team = access_.Admit(kTeamA, "Login");
  ASSERT_TRUE(team.ok());
  EXPECT_TRUE(team->Allows("wx1"));
  EXPECT_TRUE(team->Allows("wx2"));
  EXPECT_FALSE(team->AllowsEveryApp());
  const absl::StatusOr<Admission> orders = access_.Admit(kOrders, "Login");
  ASSERT_TRUE(orders.ok());
  EXPECT_TRUE(orders->Allows("wx1"));
  EXPECT_FALSE(orders->Allows("wx2"));
}

TEST_F(AccessControlTest, AnEmptyAdmissionAllowsNothing) {
  Admission none;
  EXPECT_FALSE(none.Allows("wx1"));
  EXPECT_FALSE(none.AllowsEveryApp());
  access_.Replace({.allow = {Row(kOrders, {"Login"})}});
  Admission some = *access_.Admit(kOrders, "Login");
  none = std::move(some);
  EXPECT_TRUE(none.AllowsEveryApp());
}

TEST_F(AccessControlTest, ACallKeepsWhatItsPolicySaid) {
  access_.Replace({.allow = {Row(kOrders, {"Login"}, {"wx1"})}});
  const absl::StatusOr<Admission> before = access_.Admit(kOrders, "Login");
  ASSERT_TRUE(before.ok());
  access_.Replace({.allow = {Row(kOrders, {"Login"}, {"wx2"})}});
  EXPECT_TRUE(before->Allows("wx1"));
  EXPECT_FALSE(before->Allows("wx2"));
  EXPECT_FALSE(access_.Allows(kOrders, "Login", "wx1"));
  EXPECT_TRUE(access_.Allows(kOrders, "Login", "wx2"));
  access_.Replace(Policy());
  EXPECT_TRUE(before->Allows("wx1"));
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_NOT_ALLOWED");
}

TEST_F(AccessControlTest, ARateLetsABurstThroughThenItsPace) {
  access_.Replace(Limited(kOrders, 2, 3, 0));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Admit(kOrders, "Login"), "OK") << i;
  EXPECT_EQ(WaitOf(kOrders), absl::Milliseconds(500));
  clock_.Advance(absl::Milliseconds(499));
  EXPECT_EQ(WaitOf(kOrders), absl::Milliseconds(1));
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  // A rest fills it, and not beyond the burst.
  clock_.Advance(absl::Hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Admit(kOrders, "Login"), "OK") << i;
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  EXPECT_TRUE(
      HasMetric("wxident_caller_limited_total{caller=\"spiffe://corp/"
                "orders\",limit=\"rate\"} 4"));
}

TEST_F(AccessControlTest, WhoWaitsAsToldGoesOn) {
  for (const double rate : {0.1, 0.3, 3.0, 7.0, 10.0, 999.0}) {
    access_.Replace(Limited(kOrders, rate, 1, 0));
    clock_.Advance(absl::Hours(1));
    ASSERT_EQ(Admit(kOrders, "Login"), "OK");
    for (int i = 0; i < 100; ++i) {
      clock_.Advance(WaitOf(kOrders));
      ASSERT_EQ(Admit(kOrders, "Login"), "OK") << rate << " " << i;
    }
  }
}

TEST_F(AccessControlTest, RefusalsAreNotFree) {
  access_.Replace(Limited(kOrders, 1, 2, 0));
  EXPECT_EQ(Admit(kOrders, "GetUser"), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(Admit(kOrders, "GetUser"), "CALLER_NOT_ALLOWED");
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
}

TEST_F(AccessControlTest, ConcurrencyCountsCallsUntilTheyEnd) {
  access_.Replace(Limited(kOrders, 0, 0, 2));
  Admission one = *access_.Admit(kOrders, "Login");
  std::optional<Admission> two = *access_.Admit(kOrders, "Login");
  EXPECT_EQ(WaitOf(kOrders), absl::Milliseconds(100));
  EXPECT_TRUE(
      HasMetric("wxident_caller_limited_total{caller=\"spiffe://corp/"
                "orders\",limit=\"concurrency\"} 1"));
  // A call that moves is one call.
  Admission moved = std::move(one);
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  moved = Admission();
  std::optional<Admission> three = *access_.Admit(kOrders, "Login");
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  two.reset();
  three.reset();
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
}

TEST_F(AccessControlTest, EachCallerOfAPatternHasALimitOfItsOwn) {
  access_.Replace(Limited("spiffe://corp/*", 1, 1, 0));
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  EXPECT_EQ(Admit(kTeamA, "Login"), "OK");
  EXPECT_TRUE(
      HasMetric("wxident_caller_limited_total{caller=\"spiffe://corp/"
                "*\",limit=\"rate\"} 1"));
}

TEST_F(AccessControlTest, TheFirstLimitThatFitsHolds) {
  Policy policy = Limited(kOrders, 1, 2, 0);
  policy.limits.push_back({"spiffe://corp/*", 1, 1, 0});
  access_.Replace(policy);
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit(kTeamA, "Login"), "OK");
  EXPECT_EQ(Admit(kTeamA, "Login"), "CALLER_RATE_LIMITED");
}

TEST_F(AccessControlTest, ANewPolicyKeepsWhatIsUsed) {
  access_.Replace(Limited(kOrders, 1, 2, 0));
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  access_.Replace(Limited(kOrders, 1, 2, 0));
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  access_.Replace(Limited(kOrders, 1, 3, 0));
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  // The time before a reload counts at the pace that held then.
  clock_.Advance(absl::Seconds(1));
  access_.Replace(Limited(kOrders, 1000, 3, 0));
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");

  access_.Replace(Limited(kOrders, 0, 0, 1));
  std::optional<Admission> running = *access_.Admit(kOrders, "Login");
  access_.Replace(Limited(kOrders, 0, 0, 1));
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  running.reset();
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
}

TEST_F(AccessControlTest, RemembersABoundedNumberOfCallers) {
  constexpr int kMost = 10'000;
  access_.Replace(Limited("spiffe://corp/*", 1, 1, 0));
  for (int i = 0; i < kMost; ++i)
    ASSERT_EQ(Admit(absl::StrCat("spiffe://corp/", i), "Login"), "OK");
  EXPECT_EQ(WaitOf("spiffe://corp/more"), absl::Seconds(1));
  EXPECT_TRUE(HasMetric(
      "wxident_caller_limited_total{caller=\"\",limit=\"callers\"} 1"));
  // Those that are known go on, and what they have used is not forgotten.
  EXPECT_EQ(Admit("spiffe://corp/7", "Login"), "CALLER_RATE_LIMITED");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Admit("spiffe://corp/7", "Login"), "OK");
  EXPECT_EQ(Admit("spiffe://corp/more", "Login"), "OK");
  EXPECT_EQ(Admit("spiffe://corp/7", "Login"), "CALLER_RATE_LIMITED");
}

TEST_F(AccessControlTest, ARunningCallIsNotForgotten) {
  Policy policy = Limited("spiffe://corp/busy", 0, 0, 1);
  access_.Replace(policy);
  std::optional<Admission> running =
      *access_.Admit("spiffe://corp/busy", "Login");
  for (int i = 0; i < 20'000; ++i) {
    if (i % 10'000 == 0) clock_.Advance(absl::Seconds(1));
    ASSERT_EQ(Admit(absl::StrCat("spiffe://corp/", i), "Login"), "OK") << i;
    if (i % 10'000 == 9'998) clock_.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(Admit("spiffe://corp/busy", "Login"), "CALLER_RATE_LIMITED");
}

TEST_F(AccessControlTest, StrangersLeaveRoomForOthers) {
  access_.Replace(Limited(kOrders, 1, 1, 0));
  for (int i = 0; i < 20'000; ++i)
    ASSERT_EQ(Admit(absl::StrCat("spiffe://other/", i), "Login"),
              "CALLER_NOT_ALLOWED");
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit("spiffe://other/7", "Login"), "CALLER_NOT_ALLOWED");
  // A stranger that gets a right is none any more.
  access_.Replace({.allow = {Row("spiffe://other/*", {"Login"})}});
  EXPECT_EQ(Admit("spiffe://other/7", "Login"), "OK");
}

TEST_F(AccessControlTest, WhoNoRowNamesIsLimitedAllTheSame) {
  access_.Replace({.allow = {Row("spiffe://corp/*", {"Login"})},
                   .limits = {{.caller = kTeamA, .concurrency = 1}}});
  const Policy::Limit& limit = Policy::DefaultLimit();
  for (int i = 0; i < limit.burst; ++i)
    ASSERT_EQ(Admit(kOrders, "Login"), "OK") << i;
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  EXPECT_TRUE(
      HasMetric("wxident_caller_limited_total{caller=\"*\",limit=\"rate\"} 1"));
  clock_.Advance(absl::Seconds(1));
  std::vector<Admission> running;
  for (int i = 0; i < limit.concurrency; ++i)
    running.push_back(*access_.Admit(kOrders, "Login"));
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  // A row takes the default's place in all that it says and does not say.
  for (int i = 0; i < 2 * limit.burst; ++i)
    ASSERT_EQ(Admit(kTeamA, "Login"), "OK") << i;
}

TEST_F(AccessControlTest, WhatNeedsNoRightCountsAgainstTheLimits) {
  access_.Replace(Limited(kOrders, 1, 3, 0));
  EXPECT_EQ(ReasonOf(access_.AdmitAnybody(kOrders).status()), "OK");
  EXPECT_FALSE(access_.AdmitAnybody(kOrders)->Allows("wx1"));
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(ReasonOf(access_.AdmitAnybody(kOrders).status()),
            "CALLER_RATE_LIMITED");
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  // A stranger may ask too, within the default.
  for (int i = 0; i < Policy::DefaultLimit().burst; ++i)
    ASSERT_TRUE(access_.AdmitAnybody("spiffe://other/a").ok()) << i;
  EXPECT_EQ(ReasonOf(access_.AdmitAnybody("spiffe://other/a").status()),
            "CALLER_RATE_LIMITED");
}

TEST_F(AccessControlTest, StrangersWithoutRoomCannotAskForAnything) {
  for (int i = 0; i < 5'000; ++i)
    ASSERT_TRUE(access_.AdmitAnybody(absl::StrCat("spiffe://other/", i)).ok());
  EXPECT_EQ(ReasonOf(access_.AdmitAnybody("spiffe://other/more").status()),
            "CALLER_RATE_LIMITED");
  EXPECT_EQ(Admit("spiffe://other/more", "Login"), "CALLER_NOT_ALLOWED");
  // Those at rest make room.
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(access_.AdmitAnybody("spiffe://other/more").ok());
}

TEST_F(AccessControlTest, StreamsHaveALimitOfTheirOwn) {
  constexpr auto kStream = AccessControl::Kind::kStream;
  Policy policy{.allow = {Row("spiffe://corp/*", {"WatchAccessToken"})},
                .limits = {{.caller = kOrders, .streams = 2}}};
  access_.Replace(policy);
  const auto watch = [&](const std::string& caller) {
    return access_.Admit(caller, "WatchAccessToken", kStream);
  };
  Admission one = *watch(kOrders);
  std::optional<Admission> two = *access_.AdmitAnybody(kOrders, kStream);
  EXPECT_EQ(ReasonOf(watch(kOrders).status()), "CALLER_RATE_LIMITED");
  EXPECT_EQ(ReasonOf(access_.AdmitAnybody(kOrders, kStream).status()),
            "CALLER_RATE_LIMITED");
  EXPECT_TRUE(HasMetric(absl::StrCat("wxident_caller_limited_total{caller=\"",
                                     kOrders, "\",limit=\"streams\"} 2")));
  // Other calls are none.
  EXPECT_EQ(Admit(kOrders, "WatchAccessToken"), "OK");
  // Each gives its place back, and one that moves is one.
  Admission moved = std::move(one);
  two.reset();
  std::optional<Admission> three = *watch(kOrders);
  EXPECT_FALSE(watch(kOrders).ok());
  moved = Admission();
  EXPECT_TRUE(watch(kOrders).ok());
}

TEST_F(AccessControlTest, AChannelComesAboutForWhoHasUsedUpItsRate) {
  constexpr auto kStream = AccessControl::Kind::kStream;
  access_.Replace(Limited(kOrders, 1, 1, 0));
  EXPECT_TRUE(access_.AdmitAnybody(kOrders, kStream).ok());
  // It has taken nothing of the rate,
  EXPECT_EQ(Admit(kOrders, "Login"), "OK");
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
  // and the next one needs nothing of it.
  EXPECT_TRUE(access_.AdmitAnybody(kOrders, kStream).ok());
  // It has a rate of its own.
  for (int i = 2; i < 2'000; ++i)
    ASSERT_TRUE(access_.AdmitAnybody(kOrders, kStream).ok()) << i;
  EXPECT_EQ(ReasonOf(access_.AdmitAnybody(kOrders, kStream).status()),
            "CALLER_RATE_LIMITED");
  clock_.Advance(absl::Milliseconds(5));
  EXPECT_TRUE(access_.AdmitAnybody(kOrders, kStream).ok());
}

TEST_F(AccessControlTest, AllStreamsTogetherFitIntoTheAuditLog) {
  constexpr auto kStream = AccessControl::Kind::kStream;
  access_.Replace({.allow = {Row("spiffe://corp/*", {"WatchAccessToken"})}});
  std::vector<Admission> running;
  for (int i = 0; i < AccessControl::kMaxStreams; ++i)
    running.push_back(*access_.Admit(
        absl::StrCat("spiffe://corp/", i / Policy::Limit::kStreams),
        "WatchAccessToken", kStream));
  EXPECT_EQ(
      ReasonOf(
          access_.Admit("spiffe://corp/another", "WatchAccessToken", kStream)
              .status()),
      "CALLER_RATE_LIMITED");
  running.pop_back();
  EXPECT_TRUE(
      access_.Admit("spiffe://corp/another", "WatchAccessToken", kStream).ok());
}

TEST_F(AccessControlTest, AnAdmissionMayOutliveIt) {
  auto access = std::make_unique<AccessControl>(Limited(kOrders, 0, 0, 1),
                                                clock_, metrics_);
  const Admission admission = *access->Admit(kOrders, "Login");
  access.reset();
  EXPECT_TRUE(admission.Allows("wx1"));
}

class Counter final : public AccessControl::Listener {
 public:
  void OnPolicyReplaced() override { ++count; }
  std::atomic<int> count{0};
};

TEST_F(AccessControlTest, ListenersHearOfEachPolicyUntilTheyStop) {
  auto one = std::make_shared<Counter>();
  auto two = std::make_shared<Counter>();
  access_.Replace(Policy());
  access_.Listen(one);
  access_.Listen(two);
  access_.Replace(Policy());
  access_.Unlisten(*two);
  access_.Replace(Policy());
  EXPECT_EQ(one->count, 2);
  EXPECT_EQ(two->count, 1);
}

// ThreadSanitizer watches. At every moment the policy allows Login for exactly
// one of two apps, and never more than four calls at once.
TEST_F(AccessControlTest, CallsRaceWithNewPolicies) {
  const auto policy = [](const std::string& app) {
    return Policy{.allow = {Row("spiffe://corp/*", {"Login"}, {app})},
                  .limits = {{"spiffe://corp/*", 0, 0, 4}}};
  };
  access_.Replace(policy("wx0"));
  std::atomic<bool> stop{false};
  std::atomic<int> running{0}, most{0}, admitted{0}, bad{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      auto listener = std::make_shared<Counter>();
      while (!stop.load()) {
        access_.Listen(listener);
        {
          absl::StatusOr<Admission> one =
              access_.Admit(t == 5 ? kTeamA : kOrders, "Login");
          if (one.ok()) {
            if (one->Allows("wx0") == one->Allows("wx1")) ++bad;
            if (t != 5) {
              const int now = ++running;
              for (int seen = most; now > seen;)
                most.compare_exchange_weak(seen, now);
              std::this_thread::yield();
              --running;
            }
            ++admitted;
          }
        }
        access_.Allows(kOrders, "Login", "wx0");
        access_.Unlisten(*listener);
      }
    });
  for (int i = 0; i < 1000 || admitted.load() < 1000; ++i)
    access_.Replace(policy(absl::StrCat("wx", i % 2)));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(bad, 0);
  EXPECT_LE(most, 4);
  // All places were given back.
  std::vector<Admission> four;
  for (int i = 0; i < 4; ++i) {
    absl::StatusOr<Admission> one = access_.Admit(kOrders, "Login");
    ASSERT_TRUE(one.ok()) << i;
    four.push_back(*std::move(one));
  }
  EXPECT_EQ(Admit(kOrders, "Login"), "CALLER_RATE_LIMITED");
}

}  // namespace
}  // namespace wxident

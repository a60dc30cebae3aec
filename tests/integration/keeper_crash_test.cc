// What happens to a token while the server that fetches it dies, or stands
// still for longer than its lease.

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/integration/keeper_fleet.h"

namespace wxident {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

// Three servers, of which the first is made to hold the leases of several apps:
// each token falls due while the others stand still. Where in its fetch it is
// then caught is the test's matter, and another one for each pair of apps, one
// in stable and one in ordinary mode.
class KeeperCrashTest : public testing::Test {
 protected:
  using Pair = std::array<WorldApp, 2>;

  KeeperCrashTest()
      : apps_(MakeTokenApps(8)),
        world_(PrivatePostgres::Durability::kNone, apps_),
        fleet_(world_, 3) {
    TestSeed();
    for (const WorldApp& app : apps_) {
      first_[app.id] = fleet_.Agreed(app.id, 1).access_token();
      EXPECT_EQ(Issued(app), 1);
    }
  }

  Pair PairOf(size_t i) const { return {apps_[2 * i], apps_[2 * i + 1]}; }

  void Fault(const Pair& pair, nlohmann::json rule) {
    for (const WorldApp& app : pair) {
      rule["path"] = app.token_mode == "stable" ? "/cgi-bin/stable_token"
                                                : "/cgi-bin/token";
      rule["app_id"] = app.id;
      rule["count"] = 1;
      world_.sim().Fault(rule);
    }
  }

  // The tokens get old enough to be replaced, and have some minutes left.
  void FallDueForTheFirst() {
    for (size_t i = 1; i < fleet_.size(); ++i)
      fleet_[i].process().Signal(SIGSTOP);
    world_.PassTime(absl::Seconds(6970));
  }
  void ContinueOthers() {
    for (size_t i = 1; i < fleet_.size(); ++i)
      fleet_[i].process().Signal(SIGCONT);
  }

  static std::string In(const Pair& pair) {
    return absl::StrCat("app_id IN ('", pair[0].id, "', '", pair[1].id, "')");
  }
  bool IsLeased(const Pair& pair) {
    return world_.Count(
               "SELECT count(*) FROM app_credentials WHERE fence > "
               "finished_fence AND " +
               In(pair)) == 2;
  }
  int Generation(const WorldApp& app) {
    return world_.Count(
        absl::StrCat("SELECT generation FROM app_credentials WHERE app_id = '",
                     app.id, "'"));
  }
  int Issued(const WorldApp& app) {
    return world_.sim().TokensOf(app.id, app.token_mode).issued;
  }
  // How many calls had their effect.
  int Effects(const WorldApp& app) {
    int effects = 0;
    for (const nlohmann::json& call : world_.sim().TokenCalls(app.id))
      if (call.at("effect").get<bool>()) ++effects;
    return effects;
  }
  bool LastCallIs(const WorldApp& app, const std::string& outcome) {
    return world_.sim().TokenCalls(app.id).back().at("outcome") == outcome;
  }

  // Takes the rows of a pair once they are leased, so that no Save gets at
  // them, and waits until one tries.
  std::unique_ptr<pqxx::work> BlockSaves(pqxx::connection& connection,
                                         const Pair& pair) {
    EXPECT_TRUE(Eventually(absl::Seconds(10), [&] { return IsLeased(pair); }));
    auto block = std::make_unique<pqxx::work>(connection);
    const pqxx::result rows = block->exec(
        "SELECT fence > finished_fence FROM app_credentials WHERE " + In(pair) +
        " FOR UPDATE");
    for (const pqxx::row& row : rows)
      EXPECT_TRUE(row[0].as<bool>()) << "it was saved too soon";
    EXPECT_TRUE(Eventually(absl::Seconds(10), [&] {
      for (const WorldApp& app : pair)
        if (Effects(app) < 2) return false;
      return Waits();
    }));
    return block;
  }
  // Whether a server waits for a locked row.
  bool Waits() {
    return world_.Count(
               "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = "
               "'Lock' AND application_name = 'wxident'") > 0;
  }

  void ExpectNewestEverywhere() {
    for (const WorldApp& app : apps_) {
      std::string agreed;
      EXPECT_TRUE(Eventually(
          absl::Seconds(10),
          [&] {
            agreed =
                Simulator::DigestOf(fleet_.Agreed(app.id, 2).access_token());
            return agreed ==
                   world_.sim().TokensOf(app.id, app.token_mode).newest;
          }))
          << app.token_mode << " " << app.id
          << ": all agree, but not on the newest token";
    }
  }

  const std::vector<WorldApp> apps_;
  World world_;
  Fleet fleet_;
  std::map<std::string, std::string> first_;
};

// Reads all tokens from all servers but the first, until it ends.
class Readers {
 public:
  Readers(Fleet& fleet, const std::vector<WorldApp>& apps) {
    for (size_t server = 1; server < fleet.size(); ++server)
      threads_.emplace_back([this, &fleet, &apps, server] {
        while (!done_) {
          for (const WorldApp& app : apps) {
            const Clock::time_point asked = Clock::now();
            const TokenAnswer answer = fleet.Ask(server, app.id);
            const double took = SecondsSince(asked);
            EXPECT_TRUE(answer.status.ok())
                << app.id << ": " << ReasonOf(answer.status) << " "
                << answer.status.error_message();
            EXPECT_LT(took, 2.0) << app.id;
            ++count_;
            if (answer.token.generation() == 1) ++old_;
          }
        }
      });
  }
  ~Readers() {
    done_ = true;
    for (std::thread& thread : threads_) thread.join();
    std::cout << count_ << " reads, " << old_ << " of the old token"
              << std::endl;
    EXPECT_GT(old_, 0);
  }

 private:
  std::atomic<bool> done_{false};
  std::atomic<int> count_{0};
  std::atomic<int> old_{0};
  std::vector<std::thread> threads_;
};

TEST_F(KeeperCrashTest, ASuccessorFetchesWhenTheHolderIsKilled) {
  const Pair before_call = PairOf(0);
  const Pair after_call = PairOf(1);
  const Pair before_write = PairOf(2);
  const Pair after_write = PairOf(3);
  Fault(before_call, {{"latency_ms", 600'000}});
  Fault(after_call, {{"latency_ms", 600'000}, {"when", "after"}});
  Fault(before_write, {{"latency_ms", 1000}});
  pqxx::connection blocker(world_.postgres().url());

  FallDueForTheFirst();
  std::unique_ptr<pqxx::work> block = BlockSaves(blocker, before_write);
  for (const WorldApp& app : before_call)
    EXPECT_TRUE(Eventually(absl::Seconds(5),
                           [&] { return LastCallIs(app, "waiting"); }));
  for (const WorldApp& app : after_call)
    EXPECT_TRUE(
        Eventually(absl::Seconds(5), [&] { return Effects(app) == 2; }));
  for (const WorldApp& app : after_write)
    EXPECT_TRUE(
        Eventually(absl::Seconds(5), [&] { return Generation(app) == 2; }));
  for (const Pair& pair : {before_call, after_call, before_write})
    EXPECT_TRUE(IsLeased(pair));
  fleet_.Kill(0);
  const Clock::time_point killed = Clock::now();
  // The database does not notice, and gives up what the dead one waits for.
  EXPECT_TRUE(Eventually(absl::Seconds(5), [&] { return !Waits(); }));
  block->abort();
  ContinueOthers();
  {
    Readers readers(fleet_, apps_);
    for (const WorldApp& app : after_write) {
      fleet_.Agreed(app.id, 2);
      EXPECT_LT(SecondsSince(killed), 2.0) << app.id;
    }
    for (const WorldApp& app : apps_)
      EXPECT_TRUE(Eventually(absl::Seconds(20), [&] {
        return Generation(app) == 2;
      })) << app.id;
    // The lease is one of 10 s, and rows are read every 0.4 s.
    const double took = SecondsSince(killed);
    std::cout << "successors after " << took << " s" << std::endl;
    EXPECT_LT(took, 12.0);
    ExpectNewestEverywhere();
  }
  // With the first fetch of all, before the test.
  for (const WorldApp& app : before_call) {
    EXPECT_EQ(world_.sim().TokenCalls(app.id).size(), 3u) << app.id;
    EXPECT_EQ(Effects(app), 2) << app.id;
  }
  for (const Pair& pair : {after_call, before_write})
    for (const WorldApp& app : pair) {
      EXPECT_EQ(Effects(app), 3) << app.id;
      // WeChat gives a stable token to the successor once more.
      EXPECT_EQ(Issued(app), app.token_mode == "stable" ? 2 : 3) << app.id;
    }
  for (const WorldApp& app : after_write) EXPECT_EQ(Effects(app), 2) << app.id;
}

TEST_F(KeeperCrashTest, AHolderThatSleptThroughItsLeaseLoses) {
  // Its answer waits for it; its request has its effect after the successor's;
  // its write waits for a locked row.
  const Pair late_answer = PairOf(0);
  const Pair late_effect = PairOf(1);
  const Pair late_write = PairOf(2);
  Fault(late_answer, {{"latency_ms", 2000}, {"when", "after"}});
  Fault(late_effect, {{"latency_ms", 14'000}});
  Fault(late_write, {{"latency_ms", 500}});
  pqxx::connection blocker(world_.postgres().url());

  FallDueForTheFirst();
  std::unique_ptr<pqxx::work> block = BlockSaves(blocker, late_write);
  fleet_[0].process().Signal(SIGSTOP);
  for (const WorldApp& app : late_answer) EXPECT_EQ(Effects(app), 2);
  for (const WorldApp& app : late_effect) EXPECT_EQ(Effects(app), 1);
  // The database gives up what the sleeper waits for.
  EXPECT_TRUE(Eventually(absl::Seconds(5), [&] { return !Waits(); }));
  block->abort();
  ContinueOthers();
  {
    Readers readers(fleet_, apps_);
    for (const Pair& pair : {late_answer, late_effect, late_write})
      for (const WorldApp& app : pair)
        EXPECT_TRUE(Eventually(absl::Seconds(20), [&] {
          return Generation(app) == 2;
        })) << app.id;
    for (const WorldApp& app : late_effect)
      EXPECT_TRUE(Eventually(absl::Seconds(20), [&] {
        return Effects(app) == 3;
      })) << app.id;
  }
  fleet_[0].process().Signal(SIGCONT);
  EXPECT_TRUE(Eventually(absl::Seconds(10), [&] {
    return fleet_.Metric("wxident_keeper_lost_writes_total") >= 2;
  })) << fleet_.Metric("wxident_keeper_lost_writes_total");
  for (const Pair& pair : {late_answer, late_effect, late_write})
    EXPECT_TRUE(Eventually(absl::Seconds(10), [&] {
      return Generation(pair[1]) >= 3;
    })) << pair[1].id;
  ExpectNewestEverywhere();
  // A stable token is the same for both. An ordinary one was fetched once more,
  // for which of two is the newer nobody can tell. Nothing else was written.
  for (const Pair& pair : {late_answer, late_effect, late_write})
    for (const WorldApp& app : pair)
      EXPECT_EQ(Generation(app), app.token_mode == "stable" ? 2 : 3) << app.id;
}

}  // namespace
}  // namespace wxident
